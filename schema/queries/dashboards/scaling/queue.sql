-- No OTLP convention carries the depth of a model server's queue, so nothing can be said of it.
SELECT 'not reported' AS value
