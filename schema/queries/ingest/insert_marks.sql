-- Windows whose calls changed; every writing attempt has its own random ids (DESIGN D3).
INSERT INTO dirty_windows
(
    level, window, id, due, done
)
FORMAT Native
