-- Times and versions as bits that differ, amounts as multiples of what they have in common: a tenth less on disk, for no more CPU
-- (docs/adr/0029). Only new parts and merges write this; parts of before are read as they are.
ALTER TABLE {{.Database}}.call_reports
    MODIFY COLUMN version UInt64 CODEC(T64, ZSTD(1)),
    MODIFY COLUMN start DateTime64(9, 'UTC') CODEC(T64, ZSTD(1)),
    MODIFY COLUMN received DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    MODIFY COLUMN cost_input Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_cache_read Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_cache_write Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_output Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_reasoning Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_other Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN list_delta Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cache_saved Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN tier_saved Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN provided_cost Decimal(18, 12) CODEC(GCD, ZSTD(1));
