SELECT window, n FROM window_revisions
WHERE level = {level:String} AND worker = {worker:UInt64} AND committed = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
ORDER BY window
