-- Spans that were kept, and calls, which always are, as a tree in the order of time. A span without a known parent is a root. They are read
-- once, into arrays in that order; a path is a span's place in it after those of its parents, the root first, and in a loop, which has no root, its
-- place alone. Sums, bars and the order of rows are made of the arrays, in functions that name them, not the query that they come from: nearly
-- all that this costs is its analysis, and a function of a query's column is the dearer the larger the query (docs/adr/0044-spend-names-its-columns.md).
SELECT
    r.1 AS span,
    r.2 AS service,
    r.3 AS `starts after`,
    r.4 AS took,
    r.5 AS timeline,
    r.6 AS cost,
    r.7 AS `with children`,
    r.8 AS tokens,
    r.9 AS model,
    r.10 AS note
FROM
(
    SELECT arrayJoin(arrayMap((found, begins, lasts, costs, up, first, whole) ->
        arrayMap(paths ->
            arrayMap(sums ->
                arraySort(row -> row.11, arrayMap((e, began, ns, cost, path, k) -> (
                    concat(repeat('– ', length(path) - 1), e.1),
                    e.2,
                    (began - first) / 1e9,
                    ns / 1e9,
                    substringUTF8(concat(repeat('░', least(29, intDiv(30 * (began - first), whole))), repeat('█', greatest(1, intDiv(30 * ns, whole))), repeat('░', 30)), 1, 30),
                    cost,
                    sums.2[indexOf(sums.1, k)], -- what adds up to nothing isn't in sums
                    e.3, e.4, e.5,
                    (up[path[1]] > 0, path)), found, begins, lasts, costs, paths, arrayEnumerate(up))),
                [arrayReduce('sumMap', paths, arrayMap((p, c) -> arrayResize([c], length(p), c), paths, costs))])[1],
            [arrayMap((way, k) -> if(up[way[1]] = 0, way, [k]),
                arrayMap(k -> arrayFold((way, x) -> if(up[way[1]] > 0 AND length(way) <= 40, arrayPushFront(way, up[way[1]]), way), range(40), [k]), arrayEnumerate(up)),
                arrayEnumerate(up))])[1],
        [found], [begins], [lasts], [costs], [up], [first], [whole])[1]) AS r
    FROM
    (
        SELECT groupArray((title, service, tokens, model, note)) AS found, groupArray(began) AS begins, groupArray(ns) AS lasts, groupArray(cost) AS costs,
            groupArray(span_id) AS ids, arrayMap(x -> toUInt32(indexOf(ids, x)), groupArray(parent)) AS up, min(began) AS first, greatest(max(began + ns) - first, 1) AS whole
        FROM
        (
            SELECT
                span_id,
                if(max(kept), anyIf(parent_, kept), any(parent_)) AS parent,
                if(max(kept), anyIf(began_, kept), any(began_)) AS began,
                if(max(kept), anyIf(ns_, kept), any(ns_)) AS ns,
                if(max(kept), anyIf(service_, kept), any(service_)) AS service,
                if(max(kept), anyIf(title_, kept), concat('call of ', any(model_))) AS title,
                sum(cost_) AS cost, sum(tokens_) AS tokens, anyIf(model_, NOT kept) AS model,
                multiIf(anyIf(unpriced_, NOT kept) != '', concat('unpriced: ', anyIf(unpriced_, NOT kept)),
                    anyIf(status_, kept) IN ('', 'unset', 'Unset', 'STATUS_CODE_UNSET', 'Ok', 'STATUS_CODE_OK'), anyIf(status_, NOT kept), anyIf(status_, kept)) AS note
            FROM
            (
                SELECT span_id, true AS kept, parent_span_id AS parent_, toUnixTimestamp64Nano(start) AS began_, toInt64(duration_ns) AS ns_, toString(service) AS service_,
                    toString(name) AS title_, toString(status) AS status_, toDecimal128(0, 12) AS cost_, '' AS unpriced_, toUInt64(0) AS tokens_, '' AS model_
                FROM spans FINAL
                WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
                UNION ALL
                SELECT span_id, false, parent_span_id, toUnixTimestamp64Nano(start), toInt64(duration_ns), toString(service), '', toString(error_class), toDecimal128(cost, 12),
                    toString(unpriced), fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output, toString(model)
                FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
                WHERE trace_id = $trace
            )
            GROUP BY span_id
            ORDER BY began, span_id
            LIMIT 2000
        )
    )
)
