-- Below: the walk over the declarations above. Every read is bounded before it is made; what is wrong becomes expert information.

local band = bit.band
local LIMIT, DEPTH = 65536, 16
local WRAPPER_HEADER, FLAG = 8, 0x7E

local apdu_proto = Proto("mbdlms", "DLMS/COSEM")
local wrapper_proto = Proto("mbwrapper", "DLMS/COSEM wrapper")
local hdlc_proto = Proto("mbhdlc", "DLMS/COSEM HDLC")
local tunnel_proto = Proto("mbtunnel", "DLMS/COSEM in a ZigBee tunnel")

apdu_proto.fields = fields
wrapper_proto.fields = wrapper_fields
hdlc_proto.fields = hdlc_fields
local malformed = ProtoExpert.new("mbdlms.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
apdu_proto.experts = { malformed }
local hdlc_wrong = ProtoExpert.new("mbhdlc.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
hdlc_proto.experts = { hdlc_wrong }
local wrapper_wrong = ProtoExpert.new("mbwrapper.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
wrapper_proto.experts = { wrapper_wrong }

local function stop_at(pos, text)
  error({ pos = pos, text = text }, 0)
end

local function need(count, pos, stop)
  if count < 0 then stop_at(pos, "negative length") end
  if pos + count > stop then stop_at(pos, "needs " .. count .. " octets, has " .. (stop - pos)) end
end

local function value_of(argument, this)
  if type(argument) == "function" then
    argument = argument(this)
    if argument == true then return 1 elseif not argument then return 0 end
  end
  return argument
end

local function number_at(tvb, pos, size, signed)
  local range = tvb(pos, size)
  if size > 4 then return signed and range:int64():tonumber() or range:uint64():tonumber() end
  return signed and range:int() or range:uint()
end

local function length_at(state, pos, stop)
  need(1, pos, stop)
  local first = state.tvb(pos, 1):uint()
  if first < 0x80 then return pos + 1, first end
  local size = first - 0x80
  if size < 1 or size > 4 then stop_at(pos, "length octet is not allowed") end
  need(size, pos + 1, stop)
  return pos + 1 + size, state.tvb(pos + 1, size):uint()
end

-- A subtree for what begins at pos; closed with `ended`.
local function branch(state, tree, pos, stop, label)
  local sub = pos < stop and tree:add(apdu_proto, state.tvb(pos, stop - pos)) or tree:add(apdu_proto)
  sub:set_text(label)
  return sub
end

local function ended(sub, start, pos)
  if pos > start then sub:set_len(pos - start) end
end

local function words(set, value)
  local said = {}
  for _, flag in ipairs(set) do
    if band(value, flag[1]) ~= 0 then said[#said + 1] = flag[2] end
  end
  return table.concat(said, ", ")
end

local function obis(tvb, pos)
  local o = {}
  for i = 0, 5 do o[i] = tvb(pos + i, 1):uint() end
  return string.format("%d-%d:%d.%d.%d.%d", o[0], o[1], o[2], o[3], o[4], o[5])
end

local dissect_apdu, walk, type_at

-- --- A-XDR data

local function data_at(state, pos, stop, tree, depth, label)
  need(1, pos, stop)
  state.items = state.items + 1
  if state.items > LIMIT then stop_at(pos, "too many items") end
  if depth > DEPTH then stop_at(pos, "nested too deep") end
  local tag, start = state.tvb(pos, 1):uint(), pos
  local kind = data_types[tag]
  if not kind then stop_at(pos, string.format("type %02X is unknown", tag)) end
  pos = pos + 1
  if kind.size then
    need(kind.size, pos, stop)
    local item = tree:add(kind.field, state.tvb(pos, kind.size))
    item:prepend_text(label)
    return pos + kind.size
  elseif kind.form == "empty" then
    branch(state, tree, start, pos, label .. kind.name)
    return pos
  elseif kind.form == "compact" then
    local sub = branch(state, tree, start, stop, label .. kind.name)
    pos = type_at(state, pos, stop, sub, depth + 1)
    local length
    pos, length = length_at(state, pos, stop)
    need(length, pos, stop)
    if length > 0 then sub:add(kind.field, state.tvb(pos, length)) end
    ended(sub, start, pos + length)
    return pos + length
  end
  local count
  pos, count = length_at(state, pos, stop)
  if kind.form == "items" then
    need(count, pos, stop)
    local sub = branch(state, tree, start, stop, label .. kind.name .. ", " .. count .. (count == 1 and " item" or " items"))
    for index = 0, count - 1 do
      pos = data_at(state, pos, stop, sub, depth + 1, "[" .. index .. "] ")
    end
    ended(sub, start, pos)
    return pos
  end
  local size = kind.form == "bits" and math.floor((count + 7) / 8) or count
  need(size, pos, stop)
  if size > 0 then
    local item = tree:add(kind.field, state.tvb(pos, size))
    item:prepend_text(label)
    if kind.form == "bits" then item:append_text(" (" .. count .. " bits)") end
    if tag == 9 and size == 6 then item:append_text(" (" .. obis(state.tvb, pos) .. ")") end
  else
    branch(state, tree, start, pos, label .. kind.name .. ", empty")
  end
  return pos + size
end

-- The type description of a compact array.
function type_at(state, pos, stop, tree, depth)
  need(1, pos, stop)
  state.items = state.items + 1
  if state.items > LIMIT then stop_at(pos, "too many items") end
  if depth > DEPTH then stop_at(pos, "nested too deep") end
  local kind, start = data_types[state.tvb(pos, 1):uint()], pos
  if not kind then stop_at(pos, "type is unknown") end
  pos = pos + 1
  if kind.name == "array" then
    need(2, pos, stop)
    local sub = branch(state, tree, start, stop, "of array, " .. state.tvb(pos, 2):uint() .. " items")
    pos = type_at(state, pos + 2, stop, sub, depth + 1)
    ended(sub, start, pos)
    return pos
  end
  local sub = branch(state, tree, start, pos, "of " .. kind.name)
  if kind.form == "items" then
    local count
    pos, count = length_at(state, pos, stop)
    need(count, pos, stop)
    for _ = 1, count do pos = type_at(state, pos, stop, sub, depth + 1) end
  end
  return pos
end

-- --- the parts of a declared frame: each gives the position behind it, and a number where it is one

local parts = {}

function parts.number(part, state, pos, stop, tree, this)
  need(part.size, pos, stop)
  local value = number_at(state.tvb, pos, part.size, part.signed)
  if part.field then
    local item = tree:add(part.field, state.tvb(pos, part.size))
    if part.flags then item:append_text(" " .. words(part.flags, value)) end
    local known = part.member and classes[this.class_id]
    known = known and known[part.member][value]
    if known then item:append_text(" (" .. known .. ")") end
  end
  return pos + part.size, value
end

function parts.const(part, state, pos, stop, tree, this)
  need(part.size, pos, stop)
  if state.tvb(pos, part.size):bytes():tohex() ~= part.octets then stop_at(pos, "must be " .. part.octets) end
  tree:add(part.field, state.tvb(pos, part.size))
  return pos + part.size, part.value
end

function parts.octets(part, state, pos, stop, tree, this)
  local size = part.length and value_of(part.length, this) or stop - pos
  need(size, pos, stop)
  state.octets = { pos = pos, size = size }
  if size == 0 then return pos end
  local item = tree:add(part.field, state.tvb(pos, size))
  if part.name and size == 6 then item:append_text(" (" .. obis(state.tvb, pos) .. ")") end
  if part.apdu then dissect_apdu(state, pos, pos + size, item) end
  return pos + size
end

function parts.length(part, state, pos, stop, tree, this)
  local behind, value = length_at(state, pos, stop)
  if part.field then tree:add(part.field, state.tvb(pos, behind - pos), value) end
  return behind, value
end

function parts.nothing(part, state, pos) return pos end

function parts.data(part, state, pos, stop, tree, this)
  return data_at(state, pos, stop, tree, 0, part.label .. ": ")
end

function parts.frame(part, state, pos, stop, tree, this)
  local sub = branch(state, tree, pos, stop, part.label)
  local behind = walk(part.members or frames[part.frame], state, pos, stop, sub)
  ended(sub, pos, behind)
  return behind
end

function parts.prefixed(part, state, pos, stop, tree, this)
  local length
  pos, length = parts[part.length.kind](part.length, state, pos, stop, tree, this)
  need(length, pos, stop)
  local behind, value = parts[part.item.kind](part.item, state, pos, pos + length, tree, this)
  if behind ~= pos + length then stop_at(behind, (pos + length - behind) .. " octets left over") end
  return behind, value
end

function parts.presence(part, state, pos, stop, tree, this)
  need(1, pos, stop)
  local flag = state.tvb(pos, 1):uint()
  if flag > 1 then stop_at(pos, "presence octet is neither 00 nor 01") end
  if flag == 0 then return pos + 1 end
  return parts[part.item.kind](part.item, state, pos + 1, stop, tree, this)
end

function parts.trailing(part, state, pos, stop, tree, this)
  if pos >= stop then return pos end
  return parts[part.item.kind](part.item, state, pos, stop, tree, this)
end

function parts.tagged(part, state, pos, stop, tree, this)
  if pos >= stop or state.tvb(pos, 1):uint() ~= part.tag then return pos end
  return parts[part.item.kind](part.item, state, pos + 1, stop, tree, this)
end

function parts.when(part, state, pos, stop, tree, this)
  if value_of(part.condition, this) == 0 then return pos end
  return parts[part.item.kind](part.item, state, pos, stop, tree, this)
end

function parts.switch(part, state, pos, stop, tree, this)
  local item = part.cases[value_of(part.key, this)]
  if not item then stop_at(pos, "nothing is known for " .. value_of(part.key, this)) end
  return parts[item.kind](item, state, pos, stop, tree, this)
end

function parts.array(part, state, pos, stop, tree, this)
  local start, count = pos, part.count
  local sub = branch(state, tree, pos, stop, part.label)
  if type(count) == "table" then
    pos, count = parts[count.kind](count, state, pos, stop, sub, this)
  else
    count = value_of(count, this)
  end
  if count > stop - pos then stop_at(pos, "more items than octets") end
  sub:append_text(", " .. count .. (count == 1 and " item" or " items"))
  for _ = 1, count do
    pos = parts[part.item.kind](part.item, state, pos, stop, sub, this)
  end
  ended(sub, start, pos)
  return pos
end

function parts.to_end(part, state, pos, stop, tree, this)
  local start = pos
  local sub = branch(state, tree, pos, stop, part.label)
  while pos < stop do
    pos = parts[part.item.kind](part.item, state, pos, stop, sub, this)
  end
  ended(sub, start, pos)
  return pos
end

function walk(members, state, pos, stop, tree)
  local this = {}
  state.level = state.level + 1
  if state.level > 4 * DEPTH then stop_at(pos, "nested too deep") end
  if members.block then state.octets = nil end
  for _, part in ipairs(members) do
    local start = pos
    pos, this[part.named] = parts[part.kind](part, state, pos, stop, tree, this)
    -- what is authenticated and not enciphered can be read
    if members.secured and part.named == "contents" and band(this.control, 0x30) == 0x10 and pos - start > 12 then
      dissect_apdu(state, start, pos - 12, tree)
    end
  end
  if members.block and state.octets then
    local last = this.last or band(this.control, 0x80)
    state.block = { number = this.number, last = last ~= 0, pos = state.octets.pos, size = state.octets.size }
  end
  state.level = state.level - 1
  return pos
end

-- --- blocks of long messages, in order and one transfer at a time in each direction

local coming, complete = {}, {}

local function put_together(state, family, tree)
  local pinfo, block = state.pinfo, state.block
  local key = pinfo.number .. "@" .. state.name .. block.pos
  if not pinfo.visited then
    local way = table.concat({ family, tostring(pinfo.src), tostring(pinfo.dst), pinfo.src_port, pinfo.dst_port }, " ")
    local before = coming[way]
    if before and before.number == block.number and block.number ~= 1 then return end -- on its next hop
    coming[way] = nil
    if block.number == 1 then before = { number = 0, octets = ByteArray.new() } end
    if not before or block.number ~= before.number + 1 then return end
    if block.size > 0 then before.octets:append(state.tvb(block.pos, block.size):bytes()) end
    before.number = block.number
    if block.last then complete[key] = before.octets
    elseif before.octets:len() < 16 * LIMIT then coming[way] = before end
  end
  if not complete[key] or complete[key]:len() == 0 then return end
  local tvb = complete[key]:tvb("Reassembled blocks")
  local inner = { tvb = tvb, items = 0, level = 0, names = state.names, pinfo = pinfo, name = state.name .. "blocks " }
  local sub = tree:add(apdu_proto, tvb(0, tvb:len()))
  sub:set_text("Reassembled blocks, " .. tvb:len() .. " octets")
  if family == "general" then
    dissect_apdu(inner, 0, tvb:len(), sub)
  else
    -- a list of results or values begins with its quantity, and is left as octets
    local good, behind = pcall(data_at, inner, 0, tvb:len(), sub, 0, "value: ")
    if not good and type(behind) ~= "table" then error(behind, 0) end
  end
end

-- --- APDUs

function dissect_apdu(state, pos, stop, tree)
  need(1, pos, stop)
  local tag = state.tvb(pos, 1):uint()
  local chosen = by_tag[tag]
  if not chosen and pos + 1 < stop then chosen = by_choice[state.tvb(pos, 2):uint()] end
  if not chosen then stop_at(pos, string.format("no APDU begins with %02X", tag)) end
  local name = tag_names[tag] or chosen
  local sub = tree:add(apdu_proto, state.tvb(pos, stop - pos))
  sub:set_text("DLMS " .. name)
  state.names[#state.names + 1] = name
  state.block, state.octets = nil, nil
  local behind = walk(frames[chosen], state, pos, stop, sub)
  if frames[chosen].family and state.block then put_together(state, frames[chosen].family, sub) end
  if behind < stop then stop_at(behind, (stop - behind) .. " octets left over") end
end

-- One APDU in tvb from pos to stop; shows where it stops, and why. A fault of this script is an error that is seen.
local function apdu(tvb, pos, stop, pinfo, tree)
  local state = { tvb = tvb, items = 0, level = 0, names = {}, pinfo = pinfo, name = tvb:offset() .. " " }
  local good, wrong = pcall(dissect_apdu, state, pos, stop, tree)
  if not good then
    if type(wrong) ~= "table" then error(wrong, 0) end
    tree:add_proto_expert_info(malformed, wrong.text .. " (octet " .. (wrong.pos - pos) .. " of the APDU)")
  end
  pinfo.cols.protocol = "DLMS"
  if #state.names > 0 then
    local said = table.concat(state.names, " > ")
    if tostring(pinfo.cols.info):find("DLMS ", 1, true) == 1 then pinfo.cols.info:append(", " .. said)
    else pinfo.cols.info:set("DLMS " .. said) end
  end
end

function apdu_proto.init()
  coming, complete = {}, {}
end

function apdu_proto.dissector(tvb, pinfo, tree)
  if tvb:len() == 0 then return 0 end
  apdu(tvb, 0, tvb:len(), pinfo, tree)
  return tvb:len()
end
