-- Tombstones: a row with done = 1 replaces the mark of that id.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT {level:String}, {window:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), now64(3), 1
