-- The claimed days that have calls: their hours are frozen by now.
SELECT window, n FROM window_revisions
WHERE level = {level:String} AND worker = {worker:UInt64} AND committed = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND window IN (SELECT toStartOfDay(h.window) FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS h)
ORDER BY window
