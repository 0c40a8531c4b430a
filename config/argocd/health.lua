-- The health of a SpikeCluster: Ready and Stalled say it, once they are about the current spec.
local health = {status = "Progressing", message = "the operator hasn't seen this spec yet"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local stalled, paused, ready = conditions.Stalled, conditions.Paused, conditions.Ready
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.reason .. ": " .. stalled.message}
end
if paused ~= nil and paused.status == "True" then
  return {status = "Suspended", message = paused.message}
end
if ready == nil then
  return health
end
if ready.status == "True" then
  return {status = "Healthy", message = ready.message}
end
return {status = "Progressing", message = ready.reason .. ": " .. ready.message}
