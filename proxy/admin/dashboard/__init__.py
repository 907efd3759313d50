"""The dashboard: pages at `/dashboard` of the admin listener, for the operator who keeps one open.

    frame       the vocabulary: Page, View, Go, and the Visit that a page is given
    pages       THE TABLE OF PAGES: one row each, in the order of the navigation
    overview    requests  request  keys  key  key_making    what each page shows and does
    filters     which requests a list shows; key_fields: what is typed about keys, as bodies of the admin API
    story       a row of the ledger as what happened; outcomes, reasons: how it ended and why, in words
    serving     HTTP around them: who asks, forms, headers, faults
    sessions    the cookie that says who has signed in; attempts: who may try again
    site        which Host, Origin and scheme are ours
    ranges      from when to when a page looks
    figures     numbers, money, times as text
    rendering   templates/ -> HTML, every value escaped; files: static/ and the charting library, by their digest

Pages are whole without JavaScript. A form is sent to the page's own path with the field `action`, which names one of
its actions; what it did is said on the page that is shown next. A script comes from this very server or not at all.
"""
