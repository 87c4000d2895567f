INSERT INTO forecasts (month, tenant, low, likely, high, how, at)
