"""The nursery of the soak, for proxies that soon take over what another one has left behind."""

from proxy.app import batch_run, batching
from proxy.storage import batching as kept
from tests.soak.nursery import main

IMPORTED = (batch_run,)

if __name__ == "__main__":
    kept.LEASE = 2
    batching.LOOK_EVERY, batching.PROLONG_EVERY = 0.2, 0.4
    main()
