-- What pricing needs to know of every call of [from, to).
SELECT
    toString(tenant), toString(provider), toString(model), toString(request_model), toString(kind), toString(service_tier), toString(region),
    toString(error_class), toString(unpriced), flags, toUnixTimestamp64Nano(start), toUnixTimestamp64Milli(received),
    [fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output, reasoning, audio_output],
    CAST(units, 'Map(String, UInt64)')
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
