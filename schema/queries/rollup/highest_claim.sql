-- The highest claim of each window; one that was never claimed has no row.
SELECT window, max(n) FROM window_revisions WHERE level = {level:String} AND window IN {windows:Array(DateTime('UTC'))} GROUP BY window
