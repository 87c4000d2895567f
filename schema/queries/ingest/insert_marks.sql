-- Windows whose calls changed; every writing attempt has its own random ids (DESIGN D3). They are due at once by the server's
-- clock, by which rollup reads them: a host of ingest whose clock is ahead must not hold the totals up.
INSERT INTO dirty_windows
(
    level, window, id, due, done
)
SELECT level, window, id, now64(3), 0
FROM input('level Enum8(\'minute\' = 0, \'hour\' = 1, \'day\' = 2), window DateTime(\'UTC\'), id UUID')
FORMAT Native
