(
    -- calls(since, until), written out: the engine analyses a view with parameters twice (docs/adr/0036-spend-written-out.md). Of some keys only: in PREWHERE, which comes
    -- before FINAL and so names nothing but what all reports of one identity have in common.
    SELECT $__call_columns
    FROM call_reports FINAL
    PREWHERE minute >= $__since AND minute < $__until$__of
    WHERE role != 'aggregate' AND (minute, tenant, trace_id, span_id) NOT IN
    (
        SELECT minute, tenant, trace_id, span_id
        FROM settlements FINAL
        WHERE minute >= $__since AND minute < $__until AND loses = 1$__settled
    )
)
