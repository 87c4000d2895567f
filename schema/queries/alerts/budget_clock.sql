-- A time after every version of a budget, by the server's clock where that is later.
SELECT greatest(now64(3), (SELECT max(at) FROM budgets) + toIntervalMillisecond(1)) AS at
