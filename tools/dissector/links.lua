-- --- the wrapper, of TCP and UDP

local function wrapper_pdus(tvb, pinfo, tree, pos, stop)
  while pos < stop do
    local left = stop - pos
    if left >= 2 and tvb(pos, 2):uint() ~= 1 then
      if pos > 0 then tree:add_proto_expert_info(wrapper_wrong, "no wrapper header where one belongs") end
      return pos
    end
    local length = left >= WRAPPER_HEADER and tvb(pos + 6, 2):uint() or 0
    if left < WRAPPER_HEADER + length then
      if pinfo.can_desegment > 0 then
        pinfo.desegment_offset = pos
        pinfo.desegment_len = left < WRAPPER_HEADER and DESEGMENT_ONE_MORE_SEGMENT or WRAPPER_HEADER + length - left
        return stop
      end
      tree:add_proto_expert_info(wrapper_wrong, "the wrapper PDU is cut short")
      return pos
    end
    local sub = tree:add(wrapper_proto, tvb(pos, WRAPPER_HEADER + length))
    local state = { tvb = tvb, items = 0, level = 0, names = {} }
    walk(frames.wrapper, state, pos, pos + WRAPPER_HEADER, sub)
    sub:append_text(", " .. tvb(pos + 2, 2):uint() .. " to " .. tvb(pos + 4, 2):uint())
    if length > 0 then apdu(tvb, pos + WRAPPER_HEADER, pos + WRAPPER_HEADER + length, pinfo, sub) end
    pos = pos + WRAPPER_HEADER + length
  end
  return pos
end

function wrapper_proto.dissector(tvb, pinfo, tree)
  if tvb:len() >= 2 and tvb(0, 2):uint() ~= 1 then return 0 end
  pinfo.cols.protocol = "DLMS"
  return wrapper_pdus(tvb, pinfo, tree, 0, tvb:len())
end

-- --- HDLC

local CRC = {}
for octet = 0, 255 do
  local value = octet
  for _ = 1, 8 do
    value = band(value, 1) ~= 0 and bit.bxor(bit.rshift(value, 1), 0x8408) or bit.rshift(value, 1)
  end
  CRC[octet] = value
end

local function check_fails(tvb, start, stop)
  local octets, value = tvb(start, stop - start):bytes(), 0xFFFF
  for index = 0, octets:len() - 1 do
    value = bit.bxor(bit.rshift(value, 8), CRC[band(bit.bxor(value, octets:get_index(index)), 0xFF)])
  end
  return tvb(stop, 2):le_uint() ~= bit.bxor(value, 0xFFFF)
end

local function address_at(tvb, pos, stop)
  for size = 1, 4 do
    if pos + size > stop then return nil end
    if band(tvb(pos + size - 1, 1):uint(), 1) == 1 then
      if size == 3 then return nil end
      local number = 0
      for index = 0, size - 1 do number = number * 128 + bit.rshift(tvb(pos + index, 1):uint(), 1) end
      if size == 1 then return size, string.format("%d", number) end
      local half = size == 2 and 0x80 or 0x4000
      return size, string.format("%d/%d", math.floor(number / half), number % half)
    end
  end
end

local function control_text(control)
  local poll = band(control, 0x10) ~= 0 and " P/F" or ""
  if band(control, 1) == 0 then
    return string.format("I N(S)=%d N(R)=%d", bit.rshift(band(control, 0x0E), 1), bit.rshift(control, 5)) .. poll
  elseif band(control, 3) == 1 then
    return string.format("%s N(R)=%d", hdlc_kinds[band(control, 0x0F)] or "?", bit.rshift(control, 5)) .. poll
  end
  return (hdlc_kinds[band(control, 0xEF)] or "undefined") .. poll
end

local segments = {}

function hdlc_proto.init()
  segments = {}
end

-- What an I-frame carries: an APDU behind its LLC header, or a segment of one; the last segment shows the whole.
local function information(tvb, pos, stop, pinfo, sub, way, segmented)
  local key = pinfo.number .. "@" .. pos
  if segmented or segments[way] or segments[key] then
    sub:add(hdlc_fields.segment, tvb(pos, stop - pos))
    if not pinfo.visited then
      local before = segments[way] or ByteArray.new()
      before:append(tvb(pos, stop - pos):bytes())
      if segmented then segments[way] = before:len() < LIMIT and before or nil
      else segments[way], segments[key] = nil, before end
    end
    if segmented or not segments[key] then return end
    tvb = segments[key]:tvb("reassembled segments")
    pos, stop = 0, tvb:len()
  end
  if stop - pos >= 3 and tvb(pos, 2):uint() == 0xE6E6 or stop - pos >= 3 and tvb(pos, 2):uint() == 0xE6E7 then
    sub:add(hdlc_fields.llc, tvb(pos, 3))
    pos = pos + 3
  end
  if pos < stop then apdu(tvb, pos, stop, pinfo, sub) end
end

local function hdlc_frame(tvb, pos, stop, pinfo, tree)
  local start, length = pos, band(tvb(pos + 1, 2):uint(), 0x07FF)
  local behind = start + length + 2
  local whole = behind <= stop and length >= 7
  local sub = tree:add(hdlc_proto, tvb(start, (whole and behind or stop) - start))
  if not whole then
    sub:add_proto_expert_info(hdlc_wrong, "the frame is cut short")
    return stop
  end
  local segmented = band(tvb(pos + 1, 1):uint(), 0x08) ~= 0
  sub:add(hdlc_fields.format, tvb(pos + 1, 2))
  pos = pos + 3
  local said = {}
  for _, field in ipairs({ "destination", "source" }) do
    local size, text = address_at(tvb, pos, behind - 4)
    if not size then
      sub:add_proto_expert_info(hdlc_wrong, "an address without an end")
      return behind
    end
    sub:add(hdlc_fields[field], tvb(pos, size), text)
    said[#said + 1] = text
    pos = pos + size
  end
  local control = tvb(pos, 1):uint()
  sub:add(hdlc_fields.control, tvb(pos, 1)):append_text(" " .. control_text(control))
  sub:append_text(", " .. said[2] .. " to " .. said[1] .. ", " .. control_text(control))
  pinfo.cols.protocol = "DLMS"
  if tostring(pinfo.cols.info):find("DLMS ", 1, true) ~= 1 then pinfo.cols.info:set("DLMS " .. control_text(control)) end
  pos = pos + 1
  local last = behind - 3
  if pos < last and last - pos < 3 then
    sub:add_proto_expert_info(hdlc_wrong, "no room for both checks")
    return behind
  end
  if pos < last then
    sub:add_le(hdlc_fields.header_check, tvb(pos, 2))
    if check_fails(tvb, start + 1, pos) then sub:add_proto_expert_info(hdlc_wrong, "header check sequence wrong") end
    pos = pos + 2
  end
  sub:add_le(hdlc_fields.frame_check, tvb(last, 2))
  if check_fails(tvb, start + 1, last) or tvb(behind - 1, 1):uint() ~= FLAG then
    sub:add_proto_expert_info(hdlc_wrong, "frame check sequence wrong")
  elseif pos < last and band(control, 1) == 0 then
    information(tvb, pos, last, pinfo, sub, tostring(pinfo.src) .. pinfo.src_port .. "," .. table.concat(said, ">"), segmented)
  elseif pos < last then
    sub:add(hdlc_fields.information, tvb(pos, last - pos))
  end
  return behind
end

local function hdlc_line(tvb, pinfo, tree, pos, stop)
  while pos < stop do
    if tvb(pos, 1):uint() ~= FLAG then
      local start = pos
      while pos < stop and tvb(pos, 1):uint() ~= FLAG do pos = pos + 1 end
      tree:add(hdlc_fields.between, tvb(start, pos - start))
    elseif pos + 1 < stop and tvb(pos + 1, 1):uint() == FLAG then
      pos = pos + 1
    else
      local left = stop - pos
      local wanted = left >= 3 and band(tvb(pos + 1, 2):uint(), 0x07FF) + 2 or 3
      if left < wanted and pinfo.can_desegment > 0 then
        pinfo.desegment_offset = pos
        pinfo.desegment_len = left < 3 and DESEGMENT_ONE_MORE_SEGMENT or wanted - left
        return stop
      end
      if left < 3 then
        tree:add(hdlc_fields.between, tvb(pos, left))
        return stop
      elseif bit.rshift(tvb(pos + 1, 1):uint(), 4) ~= 0x0A then
        tree:add(hdlc_fields.between, tvb(pos, 1))
        pos = pos + 1
      else
        pos = hdlc_frame(tvb, pos, stop, pinfo, tree)
        -- one flag may end a frame and begin the next
        if pos < stop and tvb(pos, 1):uint() ~= FLAG then pos = pos - 1 end
      end
    end
  end
  return stop
end

function hdlc_proto.dissector(tvb, pinfo, tree)
  if tvb:len() == 0 then return 0 end
  return hdlc_line(tvb, pinfo, tree, 0, tvb:len())
end

-- --- where they stand

DissectorTable.get("tcp.port"):add(4059, wrapper_proto)
DissectorTable.get("udp.port"):add(4059, wrapper_proto)
DissectorTable.get("tcp.port"):add_for_decode_as(hdlc_proto)
DissectorTable.get("tcp.port"):add_for_decode_as(apdu_proto)
local encapsulations = wtap_encaps or wtap
DissectorTable.get("wtap_encap"):add(encapsulations.USER0, hdlc_proto)

-- Octets by themselves: what the first of them say.
local function any(tvb, pinfo, tree)
  local first = tvb(0, 1):uint()
  if first == FLAG then
    hdlc_line(tvb, pinfo, tree, 0, tvb:len())
  elseif tvb:len() >= WRAPPER_HEADER and tvb(0, 2):uint() == 1 then
    wrapper_pdus(tvb, pinfo, tree, 0, tvb:len())
  else
    return false
  end
  return true
end

-- Octets that stand as plain data in a packet: ZigBee tunnels, and the links other than radio in our captures.
local data_field = Field.new("data.data")
local tunnel_field = Field.new("zbee_zcl_se.tun.tunnel_id")
local exported_field = Field.new("exported_pdu.prot_name")

function tunnel_proto.dissector(tvb, pinfo, tree)
  if not (tunnel_field() or exported_field()) then return end
  for _, found in ipairs({ data_field() }) do
    local octets = found.range:tvb()
    if octets:len() > 0 then any(octets, pinfo, tree) end
  end
end
register_postdissector(tunnel_proto)
