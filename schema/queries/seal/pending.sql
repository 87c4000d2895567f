-- Whether windows of [from, to) are still to be rolled up, or hours of it to be adjusted.
SELECT
    (SELECT uniqExact(level, window) FROM dirty_windows FINAL WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')})
    + (SELECT uniqExact(window) FROM adjust_marks FINAL WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')})
