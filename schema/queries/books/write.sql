-- An hour's adjustments, written whole. Rows booked in months that are closed are kept as they stand; one row per key in
-- the open month says what is missing: the calls as they are now, less the frozen hour, less what is kept. In a month that
-- is open again (frozen = 0) the hour itself is right, so all that was booked elsewhere is taken back.
INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window, n, worker)
SETTINGS max_insert_threads = 1, async_insert = 0, deduplicate_insert = 'disable'
WITH kept AS
(
    SELECT *
    FROM adjustments
    WHERE n > 0 AND window = {window:DateTime('UTC')} AND booked IN {closed:Array(Date)} AND (n, worker) IN
    (
        SELECT (max((n, worker)) AS newest).1, newest.2
        FROM adjust_revisions
        WHERE window = {window:DateTime('UTC')} AND committed = 1
    )
)
SELECT
    reinterpretAsUUID(sipHash128(window_, tenant_, provider_, model_, booked_, {n:UInt64}, {worker:UInt64})),
    booked_, toDate({window:DateTime('UTC')}), tenant_, provider_, model_, kind_, cost_, calls_, author_, reason_, evidence_, at_, window_, {n:UInt64}, {worker:UInt64}
FROM
(
    SELECT booked AS booked_, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, toString(kind) AS kind_,
        cost AS cost_, calls AS calls_, author AS author_, reason AS reason_, evidence AS evidence_, at AS at_, window AS window_
    FROM kept
    UNION ALL
    SELECT {booked:Date}, tenant, provider, model,
        multiIf({frozen:UInt8} = 0, 'reversal', sum(c) > 0, 'late_call', sum(c) < 0, 'settlement', 'rerate'),
        sum(m), sum(c), 'tollkeeper',
        multiIf({frozen:UInt8} = 0, 'the month is open again and its own totals hold these calls', sum(c) > 0, 'calls came after the books were closed',
            sum(c) < 0, 'reports gave way after the books were closed', 'amounts changed after the books were closed'),
        concat('{"hour":"', formatDateTime({window:DateTime('UTC')}, '%Y-%m-%dT%H:00:00Z', 'UTC'), '","calls_now":', toString(sumIf(c, what = 'now')), ',"cost_now":"', toString(sumIf(m, what = 'now')),
            '","calls_frozen":', toString(-sumIf(c, what = 'frozen')), ',"cost_frozen":"', toString(-sumIf(m, what = 'frozen')),
            '","calls_booked":', toString(-sumIf(c, what = 'kept')), ',"cost_booked":"', toString(-sumIf(m, what = 'kept')), '"}'),
        now64(3), {window:DateTime('UTC')}
    FROM
    (
        SELECT toString(tenant) AS tenant, toString(provider) AS provider, toString(model) AS model, 'now' AS what, toInt64(count()) AS c, sum(cost) AS m
        FROM calls(from = {window:DateTime('UTC')}, to = {until:DateTime('UTC')})
        WHERE {frozen:UInt8} = 1
        GROUP BY tenant, provider, model
        UNION ALL
        SELECT toString(s.tenant) AS tenant, toString(s.provider) AS provider, toString(s.model) AS model, 'frozen' AS what, -toInt64(sum(s.calls)) AS c, -sum(s.cost) AS m
        FROM spend_hour(from = {window:DateTime('UTC')}, to = {until:DateTime('UTC')}) AS s
        WHERE {frozen:UInt8} = 1
        GROUP BY tenant, provider, model
        UNION ALL
        SELECT toString(k.tenant) AS tenant, toString(k.provider) AS provider, toString(k.model) AS model, 'kept' AS what, -sum(k.calls) AS c, -sum(k.cost) AS m
        FROM kept AS k
        GROUP BY tenant, provider, model
    )
    GROUP BY tenant, provider, model
    HAVING sum(c) != 0 OR sum(m) != 0
)
