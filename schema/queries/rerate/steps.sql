-- How far a run is: hours by step.
SELECT DISTINCT step, done_to FROM rerate_runs WHERE id = {id:UUID} AND step IN ('prepared', 'written')
