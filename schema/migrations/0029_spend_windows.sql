-- Which windows spend is read from, hour by hour, so that a board needn't find it out (docs/adr/0049-windows-looked-up.md). Every window is
-- there as what a row of its table is compared with: (toInt64(window) + 100000000000 × level, n, worker). Written by the rollup role after what it
-- commits; version counts the writings, and each is made after it has taken its number.
CREATE TABLE IF NOT EXISTS {{.Database}}.spend_windows
(
    hour    DateTime('UTC'),
    version UInt64,
    minutes       Array(Tuple(Int64, UInt64, UInt64)), -- the newest committed revision of each minute of the hour,
    hour_of       Array(Tuple(Int64, UInt64, UInt64)), -- of the hour
    day_of        Array(Tuple(Int64, UInt64, UInt64)), -- and, in the first hour of a day, of the day
    hour_of_by    Array(Tuple(Int64, UInt64, UInt64)),
    day_of_by     Array(Tuple(Int64, UInt64, UInt64)),
    hour_stands   Bool,                                -- the hour stands for its minutes: nothing of it is due
    day_stands    Bool,                                -- the day for its hours
    day_by_stands Bool
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
SETTINGS storage_policy = '{{.Policy}}';
