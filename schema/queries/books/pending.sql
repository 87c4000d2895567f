-- What keeps the books of [from, to) from closing: windows with marks, hours whose adjustments are to be booked, and the number of a
-- re-rate that is at them.
SELECT
    (SELECT uniqExact(level, window) FROM dirty_windows FINAL WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}),
    (SELECT uniqExact(window) FROM adjust_marks FINAL WHERE done = 0 AND window < {from:DateTime('UTC')}),
    (SELECT max(number) FROM rerates WHERE state = 'started' AND range_from < {to:DateTime('UTC')} AND range_to > {from:DateTime('UTC')})
