-- The health of a SpikeCluster, from its conditions, once they are about the current spec. As Flux sees it
-- (kstatus): healthy is what nothing is done about any more.
local health = {status = "Progressing", message = "the operator hasn't seen this spec yet"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end
local function said(status, kind)
  return {status = status, message = conditions[kind].reason .. ": " .. conditions[kind].message}
end
-- Rollouts that don't end by themselves.
local failed = {HydrationTimeout = true, NexusStuck = true}
local rollout = conditions.RolloutComplete
if is("Stalled") then
  return said("Degraded", "Stalled")
elseif is("Paused") then
  return said("Suspended", "Paused")
elseif rollout ~= nil and failed[rollout.reason] then
  return said("Degraded", "RolloutComplete")
elseif is("Reconciling") then
  return said("Progressing", "Reconciling")
elseif conditions.Ready == nil then
  return health
end
return said(is("Ready") and "Healthy" or "Progressing", "Ready")
