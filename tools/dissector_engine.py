"""The part of the Wireshark dissector that is the same for every message: Lua that walks the tables.

It stands behind the tables that `dissector.py` writes. Wireshark's Lua is 5.2 or 5.4; `bit` is there in both.
"""

ENGINE = r"""
local HEADER_BYTES, CHECK_BYTES = 20, 4
local laserlink = Proto("laserlink", "LaserLink")
local fields, registered = {}, {}

-- Registers a field once; records that several messages hold share theirs.
local function register(abbreviation, make)
  if not fields[abbreviation] then
    fields[abbreviation] = make(abbreviation)
    registered[#registered + 1] = fields[abbreviation]
  end
end

local function maker(shape, title, about)
  return function(abbreviation)
    if shape.kind == "enum" then
      return ProtoField.uint8(abbreviation, title, base.DEC, enums[shape.enum], nil, about)
    elseif shape.kind == "text" then
      return ProtoField.string(abbreviation, title, nil, about)
    elseif shape.kind == "octets" or shape.kind == "rest" then
      return ProtoField.bytes(abbreviation, title, nil, about)
    elseif shape.type == "double" then
      return ProtoField.double(abbreviation, title, about)
    end
    return ProtoField[shape.type](abbreviation, title, base.DEC, nil, nil, about)
  end
end

for _, record in pairs(records) do
  for _, field in ipairs(record) do
    local abbreviation = record.filter .. "." .. field.name
    if field.kind == "array" then
      register(abbreviation .. "_count", function(name)
        return ProtoField.uint8(name, field.name .. " count", base.DEC, nil, nil, field.about)
      end)
      if field.item.kind ~= "record" then
        register(abbreviation, maker(field.item, field.name, field.about))
      end
    else
      register(abbreviation, maker(field, field.name, field.about))
    end
  end
end

local types = {}
for number, message in pairs(messages) do types[number] = message.record end
local header = {
  sync = ProtoField.bytes("laserlink.sync", "sync"),
  version = ProtoField.uint8("laserlink.version", "version", base.HEX, nil, nil, "major and minor nibble"),
  type = ProtoField.uint8("laserlink.type", "type", base.HEX, types),
  channel = ProtoField.uint8("laserlink.channel", "channel", base.DEC),
  flags = ProtoField.uint8("laserlink.flags", "flags", base.HEX),
  length = ProtoField.uint16("laserlink.length", "length", base.DEC, nil, nil, "bytes of payload"),
  session = ProtoField.uint32("laserlink.session", "session", base.HEX),
  sequence = ProtoField.uint32("laserlink.sequence", "sequence", base.DEC),
  header_check = ProtoField.uint32("laserlink.header_check", "header check", base.HEX),
  payload = ProtoField.bytes("laserlink.payload", "payload"),
  frame_check = ProtoField.uint32("laserlink.frame_check", "frame check", base.HEX),
  bad = ProtoField.bytes("laserlink.bad", "no frame"),
  reason = ProtoField.string("laserlink.bad.reason", "reason"),
  offence = ProtoField.string("laserlink.offence", "offence", nil, "what makes an intact frame illegal"),
  laser = ProtoField.string("laserlink.light", "light"),
  acknowledge = ProtoField.bool("laserlink.flags.ack_requested", "ACK_REQUESTED", 8, nil, 1),
  sealed = ProtoField.bool("laserlink.flags.sealed", "SEALED", 8, nil, 2),
  key_phase = ProtoField.bool("laserlink.flags.key_phase", "KEY_PHASE", 8, nil, 4),
}
for _, field in pairs(header) do registered[#registered + 1] = field end
laserlink.fields = registered

local expert_bad = ProtoExpert.new(
  "laserlink.expert.bad", "bytes that are no frame", expert.group.CHECKSUM, expert.severity.ERROR)
local expert_offence = ProtoExpert.new(
  "laserlink.expert.offence", "illegal", expert.group.PROTOCOL, expert.severity.WARN)
laserlink.experts = {expert_bad, expert_offence}

local interface_name = Field.new("frame.interface_name")
local packet_comment = Field.new("frame.comment")

-- CRC-32/AUTOSAR, from and to numbers without a sign.
local crc_table = {}
for byte = 0, 255 do
  local register_ = byte
  for _ = 1, 8 do
    local shifted = bit.rshift(register_, 1)
    register_ = bit.band(register_, 1) == 1 and bit.bxor(shifted, POLYNOMIAL) or shifted
  end
  crc_table[byte] = register_
end

local function crc32(bytes, from, size, before)
  local register_ = bit.bnot(before or 0)
  for at = from, from + size - 1 do
    register_ = bit.bxor(
      crc_table[bit.band(bit.bxor(register_, bytes:get_index(at)), 255)], bit.rshift(register_, 8))
  end
  return bit.bnot(register_) % 0x100000000
end

local function word(bytes, at)
  return bytes:get_index(at) + bytes:get_index(at + 1) * 0x100
    + bytes:get_index(at + 2) * 0x10000 + bytes:get_index(at + 3) * 0x1000000
end

-- The size of the frame at a place, or nil and why there is none.
local function find_frame(bytes, at)
  local left = bytes:len() - at
  if bytes:get_index(at) ~= 0xEB then return nil, "no-sync" end
  if left >= 2 and bytes:get_index(at + 1) ~= 0x90 then return nil, "no-sync" end
  if left < HEADER_BYTES then return nil, "cut" end
  local crc = crc32(bytes, at, 16)
  if crc ~= word(bytes, at + 16) then return nil, "header-check" end
  local length = bytes:get_index(at + 6) + bytes:get_index(at + 7) * 0x100
  if length > PAYLOAD_BYTES_MAX then return nil, "length" end
  if left < HEADER_BYTES + length + CHECK_BYTES then return nil, "cut" end
  if crc32(bytes, at + HEADER_BYTES, length, crc) ~= word(bytes, at + HEADER_BYTES + length) then
    return nil, "frame-check"
  end
  return HEADER_BYTES + length + CHECK_BYTES
end

local function is_utf8(bytes, from, size)
  local at, last = from, from + size
  while at < last do
    local lead, more, least = bytes:get_index(at), 0, 0
    if lead >= 0xF0 and lead <= 0xF4 then more, least, lead = 3, 0x10000, lead - 0xF0
    elseif lead >= 0xE0 and lead < 0xF0 then more, least, lead = 2, 0x800, lead - 0xE0
    elseif lead >= 0xC2 and lead < 0xE0 then more, least, lead = 1, 0x80, lead - 0xC0
    elseif lead >= 0x80 then return false end
    if at + more >= last then return false end
    for index = 1, more do
      local byte = bytes:get_index(at + index)
      if byte < 0x80 or byte > 0xBF then return false end
      lead = lead * 64 + byte - 0x80
    end
    if lead < least or lead > 0x10FFFF or (lead >= 0xD800 and lead <= 0xDFFF) then return false end
    at = at + more + 1
  end
  return true
end

local walk

-- Reads one value; with a tree it is shown there. Returns where it ends, or nil: it is not what it should be.
local function value(shape, field, bytes, buffer, at, last, tree)
  if shape.kind == "record" then
    local name = shape.record
    local branch = tree and tree:add(laserlink, buffer(at, 0), name)
    local after = walk(records[name], bytes, buffer, at, last, branch)
    if branch and after then branch:set_len(after - at) end
    return after
  elseif shape.kind == "rest" then
    if tree and last > at then tree:add(field, buffer(at, last - at)) end
    return last
  elseif shape.kind == "text" then
    local size = at < last and bytes:get_index(at)
    if not size or size > shape.limit or at + 1 + size > last then return nil end
    if not is_utf8(bytes, at + 1, size) then return nil end
    local text = size > 0 and buffer(at + 1, size):string(ENC_UTF_8) or ""
    if tree then tree:add(field, buffer(at, size + 1), text) end
    return at + 1 + size
  end
  if at + shape.size > last then return nil end
  if shape.kind == "enum" and not enums[shape.enum][bytes:get_index(at)] then return nil end
  if tree then
    if shape.kind == "octets" then tree:add(field, buffer(at, shape.size))
    else tree:add_le(field, buffer(at, shape.size)) end
  end
  return at + shape.size
end

local function array(field, abbreviation, bytes, buffer, at, last, tree)
  local count = at < last and bytes:get_index(at)
  if not count or count > field.limit then return nil end
  if tree then tree:add(fields[abbreviation .. "_count"], buffer(at, 1)) end
  at = at + 1
  for _ = 1, count do
    at = value(field.item, fields[abbreviation], bytes, buffer, at, last, tree)
    if not at then return nil end
  end
  return at
end

-- Reads the fields of a record one after another.
walk = function(record, bytes, buffer, at, last, tree)
  for _, field in ipairs(record) do
    local abbreviation = record.filter .. "." .. field.name
    if field.kind == "array" then
      at = array(field, abbreviation, bytes, buffer, at, last, tree)
    else
      at = value(field, fields[abbreviation], bytes, buffer, at, last, tree)
    end
    if not at then return nil end
  end
  return at
end

-- What makes an intact frame illegal anywhere, by the name of its error; nil for nothing.
local function offence_of(bytes, at, length, buffer)
  local message = messages[bytes:get_index(at + 3)]
  local channel, flags = bytes:get_index(at + 4), bytes:get_index(at + 5)
  if bit.rshift(bytes:get_index(at + 2), 4) ~= VERSION_MAJOR then return "UNSUPPORTED_VERSION" end
  if bit.band(flags, bit.bnot(LEGAL_FLAGS)) ~= 0 or channel > CHANNEL_MAX then return "RESERVED_BIT" end
  if not message then return "UNKNOWN_TYPE" end
  if channel < message.first or channel > message.last then return "WRONG_CHANNEL" end
  local first = at + HEADER_BYTES
  if walk(records[message.record], bytes, buffer, first, first + length) ~= first + length then
    return "MALFORMED_PAYLOAD"
  end
  return nil
end

local function show_header(buffer, at, tree)
  tree:add(header.sync, buffer(at, 2))
  tree:add(header.version, buffer(at + 2, 1))
  tree:add(header.type, buffer(at + 3, 1))
  tree:add(header.channel, buffer(at + 4, 1))
  local flags = tree:add(header.flags, buffer(at + 5, 1))
  for _, flag in ipairs({header.acknowledge, header.sealed, header.key_phase}) do
    flags:add(flag, buffer(at + 5, 1))
  end
  tree:add_le(header.length, buffer(at + 6, 2))
  tree:add_le(header.session, buffer(at + 8, 4))
  tree:add_le(header.sequence, buffer(at + 12, 4))
  tree:add_le(header.header_check, buffer(at + 16, 4))
end

local function show_frame(bytes, buffer, at, size, root)
  local length = size - HEADER_BYTES - CHECK_BYTES
  local offence = offence_of(bytes, at, length, buffer)
  local message = offence ~= "UNSUPPORTED_VERSION" and messages[bytes:get_index(at + 3)]
  local name = message and message.record or string.format("type 0x%02x", bytes:get_index(at + 3))
  local tree = root:add(laserlink, buffer(at, size), "LaserLink " .. name)
  show_header(buffer, at, tree)
  local first = at + HEADER_BYTES
  if not offence then
    walk(records[message.record], bytes, buffer, first, first + length, tree)
  elseif length > 0 then
    tree:add(header.payload, buffer(first, length))
  end
  tree:add_le(header.frame_check, buffer(first + length, CHECK_BYTES))
  if offence then
    tree:add(header.offence, offence):set_generated()
    tree:add_proto_expert_info(expert_offence, offence)
  end
  return offence and name .. " [" .. offence .. "]" or name
end

local function show_bad(buffer, at, size, reason, root)
  local tree = root:add(laserlink, buffer(at, size), "LaserLink: " .. size .. " bytes that are no frame")
  tree:add(header.bad, buffer(at, size))
  tree:add(header.reason, reason):set_generated()
  tree:add_proto_expert_info(expert_bad, reasons[reason])
  return "no frame: " .. reasons[reason]
end

local function show_light(root, buffer)
  local comment = packet_comment()
  local text = comment and tostring(comment.value) or "nothing"
  root:add(laserlink, buffer(), "LaserLink: " .. text):add(header.laser, text)
  return text
end

-- Who sends and who hears, from the name of the interface that a recording has for each way.
local function name_ends(packet)
  local name = interface_name()
  local way = name and tostring(name.value) or ""
  if way:find("to module", 1, true) then
    packet.cols.src, packet.cols.dst = "host", "module"
  elseif way:find("to host", 1, true) then
    packet.cols.src, packet.cols.dst = "module", "host"
  end
end

function laserlink.dissector(buffer, packet, root)
  packet.cols.protocol = "LaserLink"
  name_ends(packet)
  local texts, at = {}, 0
  if buffer:len() == 0 then texts[1] = show_light(root, buffer) end
  local bytes = buffer:len() > 0 and buffer:bytes()
  while at < buffer:len() do
    local size, reason = find_frame(bytes, at)
    if size then
      texts[#texts + 1] = show_frame(bytes, buffer, at, size, root)
    else
      size = 1
      while at + size < buffer:len() and not find_frame(bytes, at + size) do size = size + 1 end
      texts[#texts + 1] = show_bad(buffer, at, size, reason, root)
    end
    at = at + size
  end
  packet.cols.info = table.concat(texts, ", ")
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, laserlink)
"""
