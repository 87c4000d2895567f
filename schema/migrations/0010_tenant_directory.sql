-- The tenant directory (docs/adr/0012-who-is-the-tenant.md): a change holds from the beginning of a day of UTC on, until the
-- tenant's next one. Changes are added, never changed.
ALTER TABLE {{.Database}}.tenants
    ADD COLUMN IF NOT EXISTS display_name String,
    ADD COLUMN IF NOT EXISTS reason String;

-- What the directory says of each tenant from each day on: of several changes for one day the last one made. A tenant that
-- was removed has a row without a parent, cost centre or owner. Join it with ASOF JOIN on tenant and window >= since.
CREATE OR REPLACE VIEW {{.Database}}.tenants_dated AS
SELECT
    tenant, since, said.1 AS removed, if(removed, '', said.2) AS display_name, if(removed, '', said.3) AS parent,
    if(removed, '', said.4) AS cost_centre, if(removed, '', said.5) AS owner, if(removed, '', said.6) AS time_zone,
    if(removed, map(), said.7) AS attributes
FROM
(
    SELECT
        t.tenant AS tenant, toStartOfDay(t.valid_from) AS since,
        argMax((t.removed, t.display_name, t.parent, t.cost_centre, t.owner, t.time_zone, t.attributes),
            (t.at, t.valid_from, cityHash64(t.removed, t.display_name, t.parent, t.cost_centre, t.owner, t.time_zone, t.attributes))) AS said
    FROM {{.Database}}.tenants AS t
    GROUP BY tenant, since
);

-- The directory as it stands at a time.
CREATE OR REPLACE VIEW {{.Database}}.tenants_at AS
SELECT tenant, display_name, parent, cost_centre, owner, time_zone, attributes, since
FROM {{.Database}}.tenants_dated
WHERE removed = 0 AND (tenant, since) IN
(
    SELECT tenant, max(since)
    FROM {{.Database}}.tenants_dated
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY tenant
);
