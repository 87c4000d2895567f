-- The tenant directory as it stood at a time: of each tenant the newest row among those in force.
SELECT tenant, parent, cost_centre, owner, attributes
FROM tenants
WHERE valid_from <= {to:DateTime('UTC')} AND removed = 0
  AND (tenant, valid_from, at) IN
  (
      SELECT tenant, (max((valid_from, at)) AS newest).1, newest.2
      FROM tenants
      WHERE valid_from <= {to:DateTime('UTC')}
      GROUP BY tenant
  )
ORDER BY tenant
