-- Spend of [from, to) by a dimension that only hours and days by dimension have. A value beyond the dearest thousand of its
-- day is in a row of its own, which says how many values it stands for.
SELECT
    if(cut > 0, '', s.value) AS value_,
    sum(s.calls) AS calls_,
    sum(s.errors) AS errors_,
    sum(unpriced_calls) AS unpriced_,
    toUInt64(0) AS estimated_,
    sum(input) AS input_,
    sum(output) AS output_,
    toString(sum(s.cost)) AS cost_,
    '' AS list_,
    max(cut) AS cut_
FROM spend_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE dimension = {dimension:String} AND ({every:UInt8} = 1 OR tenant = {tenant:String})
GROUP BY value_, cut > 0
