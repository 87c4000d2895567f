-- Tombstones: a row with done = 1 replaces the mark of that id. In a month that was closed meanwhile the marks stay, because
-- the revision that was just committed may have come after the books were frozen: they become adjustments. So they do where
-- a freeze has claimed above this worker: the day was sealed.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT {level:String}, {window:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), now64(3), 1
WHERE toStartOfMonth({window:DateTime('UTC')}) NOT IN (SELECT month FROM periods_now WHERE state = 'closed')
  AND (SELECT max(n) FROM window_revisions WHERE level = {level:String} AND window = {window:DateTime('UTC')}) < {frozen:UInt64}
