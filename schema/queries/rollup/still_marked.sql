-- Whether a window that was due a while ago still is: another worker may have recomputed it meanwhile.
SELECT count() > 0
FROM dirty_windows FINAL
WHERE level = {level:String} AND window = {window:DateTime('UTC')} AND done = 0
