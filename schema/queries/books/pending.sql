-- What keeps the books of [from, to) from closing: windows with marks, and hours whose adjustments are to be booked.
SELECT
    (SELECT uniqExact(level, window) FROM dirty_windows FINAL WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}),
    (SELECT uniqExact(window) FROM adjust_marks FINAL WHERE done = 0 AND window < {from:DateTime('UTC')})
