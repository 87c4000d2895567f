-- Under whom the directory reported a tenant when the month was handed out, so that boards add up cost centres, parents and owners.
ALTER TABLE {{.Database}}.chargebacks
    ADD COLUMN IF NOT EXISTS name String AFTER tenant,
    ADD COLUMN IF NOT EXISTS parent String AFTER name,
    ADD COLUMN IF NOT EXISTS owner String AFTER cost_centre;

CREATE OR REPLACE VIEW {{.Database}}.chargebacks_now AS
SELECT *
FROM {{.Database}}.chargebacks
WHERE (month, at) IN (SELECT month, max(at) FROM {{.Database}}.chargebacks GROUP BY month);
