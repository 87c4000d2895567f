-- An hour's adjustments, written whole. Rows booked in months that are closed are kept as they stand; rows in the open month say
-- what is missing: the calls as they are now, less the frozen hour, less what is kept. Of that, what a re-rate changed since the
-- month was closed is a row of its own per run, with its author and reason, and the rest is one row; together they are what is
-- missing, whatever the trail of the runs says. kept and reruns are scalars, evaluated once each: as named queries they were planned seven times. In a month that is open again (frozen = 0) the hour itself is right, so all that
-- was booked elsewhere is taken back.
INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window, n, worker, run)
SETTINGS max_insert_threads = 1, async_insert = 0, deduplicate_insert = 'disable'
WITH
(
    SELECT groupArray((booked, toString(tenant), toString(provider), toString(model), toString(kind), cost, calls, author, reason, evidence, at, run))
    FROM adjustments
    WHERE n > 0 AND window = {window:DateTime('UTC')} AND booked IN {closed:Array(Date)} AND (n, worker) IN
    (
        SELECT (max((n, worker)) AS newest).1, newest.2
        FROM adjust_revisions
        WHERE window = {window:DateTime('UTC')} AND committed = 1
    )
) AS kept,
(
    SELECT groupArray((run_, tenant_, provider_, model_, author_, reason_, number_, book_, before_, after_, changed_, missing_))
    FROM
    (
        SELECT c.run AS run_, c.tenant AS tenant_, c.provider AS provider_, c.model AS model_, any(r.author) AS author_, any(r.reason) AS reason_, any(r.number) AS number_,
            any(r.price_version) AS book_, any(c.before) AS before_, any(c.after) AS after_, any(c.changed) AS changed_, any(c.after) - any(c.before) - any(k.cost) AS missing_
        FROM rerated(from = {window:DateTime('UTC')}, to = {until:DateTime('UTC')}) AS c
        INNER JOIN rerates AS r ON c.run = r.id
        LEFT JOIN
        (
            SELECT row_.12 AS run, row_.2 AS tenant, row_.3 AS provider, row_.4 AS model, sum(row_.6) AS cost
            FROM (SELECT arrayJoin(kept) AS row_)
            GROUP BY run, tenant, provider, model
        ) AS k ON c.run = k.run AND c.tenant = k.tenant AND c.provider = k.provider AND c.model = k.model
        WHERE {frozen:UInt8} = 1 AND NOT c.included
        GROUP BY c.run, c.tenant, c.provider, c.model
    )
) AS reruns
SELECT
    reinterpretAsUUID(sipHash128(window_, tenant_, provider_, model_, booked_, run_, {n:UInt64}, {worker:UInt64})),
    booked_, toDate({window:DateTime('UTC')}), tenant_, provider_, model_, kind_, cost_, calls_, author_, reason_, evidence_, at_, window_, {n:UInt64}, {worker:UInt64}, run_
FROM
(
    SELECT row_.1 AS booked_, row_.2 AS tenant_, row_.3 AS provider_, row_.4 AS model_, row_.5 AS kind_, row_.6 AS cost_, row_.7 AS calls_, row_.8 AS author_,
        row_.9 AS reason_, row_.10 AS evidence_, row_.11 AS at_, {window:DateTime('UTC')} AS window_, row_.12 AS run_
    FROM (SELECT arrayJoin(kept) AS row_)
    UNION ALL
    SELECT {booked:Date}, row_.2, row_.3, row_.4, 'rerate', row_.12, toInt64(0), row_.5, row_.6,
        concat('{"run":"', toString(row_.1), '","number":', toString(row_.7), ',"price_book":"', row_.8, '","hour":"', formatDateTime({window:DateTime('UTC')}, '%Y-%m-%dT%H:00:00Z', 'UTC'),
            '","calls_changed":', toString(row_.11), ',"cost_before":"', toString(row_.9), '","cost_after":"', toString(row_.10), '"}'),
        now64(3), {window:DateTime('UTC')}, row_.1
    FROM (SELECT arrayJoin(reruns) AS row_)
    WHERE row_.12 != 0
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
        SELECT row_.2 AS tenant, row_.3 AS provider, row_.4 AS model, 'kept' AS what, -row_.7 AS c, -row_.6 AS m
        FROM (SELECT arrayJoin(kept) AS row_)
        UNION ALL
        SELECT row_.2 AS tenant, row_.3 AS provider, row_.4 AS model, 'rerated' AS what, toInt64(0) AS c, -row_.12 AS m
        FROM (SELECT arrayJoin(reruns) AS row_)
    )
    GROUP BY tenant, provider, model
    HAVING sum(c) != 0 OR sum(m) != 0
)
