-- How far the proof of one episode's throttle at one level has come: the spend before it, its first acknowledgement at that
-- level, whether its effect was found or missed, and what was said last.
SELECT
    argMinIf(answer, sequence, step = 'ordered' AND answer != '') AS baseline,
    minIf(at, step = 'acknowledged' AND level = {level:String}) AS acknowledged,
    countIf(step IN ('effective', 'ineffective') AND level = {level:String}) > 0 AS concluded,
    maxIf(at, step = 'ineffective') > maxIf(at, step = 'effective') AS ineffective
FROM throttle_events
WHERE gateway = {gateway:String} AND tenant = {tenant:String} AND team = {team:String} AND key = {key:String} AND user = {user:String} AND model = {model:String}
  AND episode = {episode:String}::UUID AND dry_run = 0
