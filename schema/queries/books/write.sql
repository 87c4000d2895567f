-- An hour's adjustments, written whole. Rows booked in months that are closed are kept as they stand; rows in the open month say
-- what is missing: the calls as they are now, less the frozen hour, less what is kept. Of that, what a re-rate changed since the
-- month was closed is a row of its own per run, with its author and reason, and the rest is one row; together they are what is
-- missing, whatever the trail of the runs says. In a month that is open again (frozen = 0) the hour itself is right, so all that
-- was booked elsewhere is taken back.
INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window, n, worker, run)
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
),
reruns AS
(
    SELECT c.run AS run, c.tenant AS tenant, c.provider AS provider, c.model AS model, any(r.author) AS author, any(r.reason) AS reason, any(r.number) AS number,
        any(r.price_version) AS book, any(c.after) AS after, any(c.before) AS before, any(c.changed) AS changed, any(c.after) - any(c.before) - any(k.cost) AS missing
    FROM rerated(from = {window:DateTime('UTC')}, to = {until:DateTime('UTC')}) AS c
    INNER JOIN rerates AS r ON c.run = r.id
    LEFT JOIN
    (
        SELECT run, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, sum(cost) AS cost FROM kept GROUP BY run, tenant_, provider_, model_
    ) AS k ON c.run = k.run AND c.tenant = k.tenant_ AND c.provider = k.provider_ AND c.model = k.model_
    WHERE {frozen:UInt8} = 1 AND NOT c.included
    GROUP BY c.run, c.tenant, c.provider, c.model
)
SELECT
    reinterpretAsUUID(sipHash128(window_, tenant_, provider_, model_, booked_, run_, {n:UInt64}, {worker:UInt64})),
    booked_, toDate({window:DateTime('UTC')}), tenant_, provider_, model_, kind_, cost_, calls_, author_, reason_, evidence_, at_, window_, {n:UInt64}, {worker:UInt64}, run_
FROM
(
    SELECT booked AS booked_, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, toString(kind) AS kind_,
        cost AS cost_, calls AS calls_, author AS author_, reason AS reason_, evidence AS evidence_, at AS at_, window AS window_, run AS run_
    FROM kept
    UNION ALL
    SELECT {booked:Date}, tenant, provider, model, 'rerate', missing, toInt64(0), author, reason,
        concat('{"run":"', toString(run), '","number":', toString(number), ',"price_book":"', book, '","hour":"', formatDateTime({window:DateTime('UTC')}, '%Y-%m-%dT%H:00:00Z', 'UTC'),
            '","calls_changed":', toString(changed), ',"cost_before":"', toString(before), '","cost_after":"', toString(after), '"}'),
        now64(3), {window:DateTime('UTC')}, run
    FROM reruns
    WHERE missing != 0
    UNION ALL
    SELECT {booked:Date}, tenant, provider, model,
        multiIf({frozen:UInt8} = 0, 'reversal', sum(c) < 0, 'settlement', 'late_call'),
        sum(m), sum(c), 'tollkeeper',
        multiIf({frozen:UInt8} = 0, 'the month is open again and its own totals hold these calls', sum(c) > 0, 'calls came after the books were closed',
            sum(c) < 0, 'reports gave way after the books were closed', 'fuller reports of calls came after the books were closed'),
        concat('{"hour":"', formatDateTime({window:DateTime('UTC')}, '%Y-%m-%dT%H:00:00Z', 'UTC'), '","calls_now":', toString(sumIf(c, what = 'now')), ',"cost_now":"', toString(sumIf(m, what = 'now')),
            '","calls_frozen":', toString(-sumIf(c, what = 'frozen')), ',"cost_frozen":"', toString(-sumIf(m, what = 'frozen')),
            '","calls_booked":', toString(-sumIf(c, what = 'kept')), ',"cost_booked":"', toString(-sumIf(m, what = 'kept')),
            '","cost_rerated":"', toString(-sumIf(m, what = 'rerated')), '"}'),
        now64(3), {window:DateTime('UTC')}, toUUID('00000000-0000-0000-0000-000000000000')
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
        UNION ALL
        SELECT tenant, provider, model, 'rerated' AS what, toInt64(0) AS c, -sum(missing) AS m
        FROM reruns
        GROUP BY tenant, provider, model
    )
    GROUP BY tenant, provider, model
    HAVING sum(c) != 0 OR sum(m) != 0
)
