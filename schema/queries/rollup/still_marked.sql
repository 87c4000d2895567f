-- Which of some windows that were due a while ago still are: another worker may have recomputed the others meanwhile.
SELECT DISTINCT window
FROM dirty_windows FINAL
WHERE level = {level:String} AND window IN {windows:Array(DateTime('UTC'))} AND done = 0
