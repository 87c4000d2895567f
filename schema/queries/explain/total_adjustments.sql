-- Adjustments of a tenant that are about days of [from, to), or booked in it. Counted are those that the books made of calls
-- of [from, to) that came or changed after the close; one by hand is of no calls.
SELECT toString(id) AS id_, booked, original, toString(provider) AS provider_, toString(model) AS model_, toString(kind) AS kind_,
    toString(cost) AS cost_, calls, author, reason, evidence,
    original >= toDate({from:DateTime('UTC')}) AND original < toDate({to:DateTime('UTC')}) AS about,
    booked >= toDate({from:DateTime('UTC')}) AND booked < toDate({to:DateTime('UTC')}) AS here,
    toUnixTimestamp(window) != 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AS counted
FROM adjustments_now
WHERE tenant = {tenant:String} AND ({model:String} = '' OR model = {model:String}) AND (about OR here OR counted)
ORDER BY booked, original, id_
