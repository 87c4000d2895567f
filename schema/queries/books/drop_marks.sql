-- Marks of a window that is never rewritten, after its hour was marked for adjustment.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT {level:String}, {window:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), now64(3), 1
