-- Tombstones: a row with done = 1 replaces the mark of that id. In a month that was closed meanwhile the marks stay, because
-- the revision that was just committed may have come after the books were frozen: they become adjustments. So they do where
-- a freeze has claimed above this worker: the day was sealed. With them go marks (done = 0), which are always written: one block, so that
-- no mark is ever gone before its parent's is there. Of a window that is in the arrays twice the first one's frozen counts.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT level_, window_, id_, now64(3), done_
FROM (SELECT 1)
ARRAY JOIN {levels:Array(String)} AS level_, {windows:Array(DateTime('UTC'))} AS window_, {ids:Array(UUID)} AS id_, {dones:Array(UInt8)} AS done_
WHERE done_ = 0
  OR toStartOfMonth(window_) NOT IN (SELECT month FROM periods GROUP BY month HAVING argMax(state, (at, state)) = 'closed')
  AND window_ NOT IN
  (
      SELECT window
      FROM window_revisions
      WHERE level = {level:String} AND window IN {windows:Array(DateTime('UTC'))}
        AND n >= {frozen:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, window)]
  )
