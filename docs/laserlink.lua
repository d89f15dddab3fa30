-- LaserLink for Wireshark and tshark: `laserlink wireshark install` puts this where they look.
-- Made by `laserlink generate` from the declarations in protocol/. Do not edit.

local VERSION_MAJOR, LEGAL_FLAGS, CHANNEL_MAX, PAYLOAD_BYTES_MAX, POLYNOMIAL = 1, 1, 15, 4072, 0xC8DF352F

local enums = {
  DigestKind = {[1] = "WEYL64"},
  Encoding = {[0] = "PACKED"},
  LaneDirection = {[0] = "BOTH", [1] = "MODULE_TO_HOST"},
  LaneKind = {[0] = "SIDEBAND", [1] = "OPTICAL"},
  LaserOff = {[0] = "NO_LIGHT_CONFIRMED", [1] = "KEEP_ALIVE", [2] = "HOT", [3] = "CONTRACT", [4] = "TRAINING_OVER"},
  LineCoding = {[0] = "NONE", [1] = "UART_8N1"},
  ModuleState = {[0] = "DETACHED", [1] = "POWERED", [2] = "GREETED", [3] = "NEGOTIATING", [4] = "CONTRACTED", [5] = "TRAINING", [6] = "IDENTIFYING", [7] = "READY", [8] = "STREAMING", [9] = "UPDATING", [10] = "RECOVERING", [11] = "FAULT"},
  PowerCause = {[0] = "NONE", [1] = "TEMPERATURE", [2] = "BATTERY", [3] = "RAIL"},
  PowerPhase = {[0] = "DEFAULT", [1] = "REQUESTED", [2] = "ACCEPTED", [3] = "CONTRACTED", [4] = "REFUSED", [5] = "WAITING"},
  Seating = {[0] = "NOT_SEATED", [1] = "MARGINAL", [2] = "SEATED"},
  StreamChange = {[1] = "DERATED", [2] = "RESTORED"},
  StreamEnd = {[0] = "COMPLETE", [1] = "STOPPED", [2] = "POWER", [3] = "FAULT"},
  TemperatureLevel = {[0] = "NORMAL", [1] = "WARM", [2] = "HOT"},
  ValueType = {[1] = "BOOL", [2] = "INTEGER", [3] = "FLOAT", [4] = "RECTANGLE"},
  ErrorCode = {[1] = "UNSUPPORTED_VERSION", [2] = "RESERVED_BIT", [3] = "UNKNOWN_TYPE", [4] = "WRONG_DIRECTION", [5] = "WRONG_CHANNEL", [6] = "WRONG_LANE", [7] = "ILLEGAL_IN_STATE", [8] = "MALFORMED_PAYLOAD", [9] = "FRAME_TOO_LONG", [10] = "UNKNOWN_CONTROL", [11] = "VALUE_OUT_OF_RANGE", [12] = "WRONG_VALUE_TYPE", [13] = "READ_ONLY", [14] = "POWER_BUDGET", [15] = "UNKNOWN_MODE", [16] = "UNKNOWN_STREAM", [17] = "TOO_HOT", [18] = "OUT_OF_BOUNDS", [19] = "LIMIT_EXCEEDED", [20] = "NOT_FOUND", [21] = "UPDATE_REFUSED"},
}

local reasons = {
  ["no-sync"] = "no sync (EB 90) stands here",
  ["header-check"] = "the header check does not hold",
  ["length"] = "the header asks for more than a frame holds",
  ["frame-check"] = "the frame check does not hold",
  ["cut"] = "the frame was started and never finished",
}

local records = {
  Beacon = {filter = "laserlink.beacon", {name = "version_first", kind = "number", size = 1, type = "uint8", about = "lowest version that the module speaks, as in the header"}, {name = "version_last", kind = "number", size = 1, type = "uint8", about = "highest version that the module speaks"}, {name = "module_id", kind = "number", size = 8, type = "uint64", about = "the same for a module's whole life"}, {name = "state", kind = "enum", size = 1, enum = "ModuleState", about = "powered; recovering when its host fell silent; fault when latched"}, {name = "uptime_ms", kind = "number", size = 4, type = "uint32", about = "since the module booted (ms)"}},
  LaneOffer = {filter = "laserlink.lane_offer", {name = "id", kind = "number", size = 1, type = "uint8", about = "0 sideband, 1 optical"}, {name = "kind", kind = "enum", size = 1, enum = "LaneKind", about = "what it is made of"}, {name = "direction", kind = "enum", size = 1, enum = "LaneDirection", about = "which way its bytes go"}, {name = "coding", kind = "enum", size = 1, enum = "LineCoding", about = "how bytes become bits"}, {name = "rate_bps", kind = "number", size = 8, type = "uint64", about = "bits on the line; 0 where a line has no rate (bit/s)"}, {name = "latency_us", kind = "number", size = 4, type = "uint32", about = "declared latency of the transport (16 ms for USB-serial) (us)"}},
  Hello = {filter = "laserlink.hello", {name = "version_first", kind = "number", size = 1, type = "uint8", about = "lowest version that the host speaks"}, {name = "version_last", kind = "number", size = 1, type = "uint8", about = "highest version that the host speaks"}, {name = "features", kind = "number", size = 8, type = "uint64", about = "feature mask; unknown bits are ignored"}, {name = "to_module_bytes_max", kind = "number", size = 2, type = "uint16", about = "max_frame from host to module, at least 256 (bytes)"}, {name = "to_host_bytes_max", kind = "number", size = 2, type = "uint16", about = "max_frame from module to host, at least 256 (bytes)"}, {name = "first_sequence", kind = "number", size = 4, type = "uint32", about = "sequence of the first frame on each of the host's channels"}, {name = "lanes", kind = "array", limit = 4, item = {kind = "record", record = "LaneOffer"}, about = "the lanes that the host has (at most 4)"}},
  HelloReply = {filter = "laserlink.hello_reply", {name = "version", kind = "number", size = 1, type = "uint8", about = "the version spoken from now on"}, {name = "features", kind = "number", size = 8, type = "uint64", about = "features that both ends have"}, {name = "to_module_bytes_max", kind = "number", size = 2, type = "uint16", about = "max_frame from host to module (bytes)"}, {name = "to_host_bytes_max", kind = "number", size = 2, type = "uint16", about = "max_frame from module to host (bytes)"}, {name = "first_sequence", kind = "number", size = 4, type = "uint32", about = "sequence of the module's first frame on each channel; on channel 0 this one"}, {name = "module_id", kind = "number", size = 8, type = "uint64", about = "as in the beacon"}, {name = "lanes", kind = "array", limit = 4, item = {kind = "record", record = "LaneOffer"}, about = "the lanes of this session (at most 4)"}},
  Ping = {filter = "laserlink.ping", {name = "flags", kind = "number", size = 1, type = "uint8", about = "bit 0 LIGHT: the host sees the laser"}, {name = "number", kind = "number", size = 4, type = "uint32", about = "counts pings"}, {name = "host_sent_ns", kind = "number", size = 8, type = "uint64", about = "on the host's clock (ns)"}},
  Pong = {filter = "laserlink.pong", {name = "number", kind = "number", size = 4, type = "uint32", about = "of the ping"}, {name = "host_sent_ns", kind = "number", size = 8, type = "uint64", about = "of the ping (ns)"}, {name = "module_received_ns", kind = "number", size = 8, type = "uint64", about = "on the module's clock (ns)"}, {name = "module_sent_ns", kind = "number", size = 8, type = "uint64", about = "on the module's clock (ns)"}},
  Ack = {filter = "laserlink.ack", {name = "channel", kind = "number", size = 1, type = "uint8", about = "whose frames are acknowledged"}, {name = "sequence", kind = "number", size = 4, type = "uint32", about = "the next one expected"}},
  Credit = {filter = "laserlink.credit", {name = "sequence", kind = "number", size = 4, type = "uint32", about = "the highest that may be used, modulo 2^32"}},
  Error = {filter = "laserlink.error", {name = "code", kind = "enum", size = 1, enum = "ErrorCode", about = "what was wrong"}, {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that is refused; 0 when it answers none"}, {name = "offending_type", kind = "number", size = 1, type = "uint8", about = "type of the offending frame"}, {name = "offending_channel", kind = "number", size = 1, type = "uint8", about = "channel of the offending frame"}, {name = "offending_sequence", kind = "number", size = 4, type = "uint32", about = "sequence of the offending frame"}, {name = "value", kind = "number", size = 8, type = "uint64", about = "the offending value, modulo 2^64"}, {name = "version_first", kind = "number", size = 1, type = "uint8", about = "lowest version that the sender speaks"}, {name = "version_last", kind = "number", size = 1, type = "uint8", about = "highest version that the sender speaks"}, {name = "text", kind = "text", limit = 80, about = "one line for a person (at most 80 bytes)"}},
  Reset = {filter = "laserlink.reset", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}},
  ResetReply = {filter = "laserlink.reset_reply", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}},
  CountersRead = {filter = "laserlink.counters_read", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}},
  Counters = {filter = "laserlink.counters", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "frames_received", kind = "number", size = 4, type = "uint32", about = "intact frames of this session (frames)"}, {name = "frames_sent", kind = "number", size = 4, type = "uint32", about = "new frames, resends apart (frames)"}, {name = "frames_resent", kind = "number", size = 4, type = "uint32", about = "frames sent again (frames)"}, {name = "frames_bad", kind = "number", size = 4, type = "uint32", about = "runs of bytes that were no frame (runs)"}, {name = "frames_stale", kind = "number", size = 4, type = "uint32", about = "intact frames of another session (frames)"}, {name = "frames_illegal", kind = "number", size = 4, type = "uint32", about = "intact but illegal frames of this session (frames)"}, {name = "recoveries", kind = "number", size = 4, type = "uint32", about = "times that the link was lost and found"}, {name = "images", kind = "number", size = 4, type = "uint32", about = "images sent (images)"}, {name = "uptime_ms", kind = "number", size = 4, type = "uint32", about = "since the module booted (ms)"}},
  FaultEvent = {filter = "laserlink.fault_event", {name = "code", kind = "number", size = 1, type = "uint8", about = "1 too many recoveries, 2 self-test, 3 events overflow"}, {name = "text", kind = "text", limit = 80, about = "one line for a person (at most 80 bytes)"}},
  PowerOffer = {filter = "laserlink.power_offer", {name = "voltage_mv", kind = "number", size = 2, type = "uint16", about = "on the pogo pins (mV)"}, {name = "current_ma", kind = "number", size = 2, type = "uint16", about = "the most that the phone gives at it (mA)"}},
  PowerCapabilities = {filter = "laserlink.power_capabilities", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "offers", kind = "array", limit = 7, item = {kind = "record", record = "PowerOffer"}, about = "lowest voltage first (at most 7)"}},
  PowerRequest = {filter = "laserlink.power_request", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "offer", kind = "number", size = 1, type = "uint8", about = "index of the offer"}, {name = "operating_ma", kind = "number", size = 2, type = "uint16", about = "what it draws when it streams at full rate (mA)"}, {name = "reserve_ma", kind = "number", size = 2, type = "uint16", about = "kept free above that for short peaks (the focus motor) (mA)"}},
  PowerAccept = {filter = "laserlink.power_accept", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}},
  PowerReject = {filter = "laserlink.power_reject", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "cause", kind = "enum", size = 1, enum = "PowerCause", about = "why"}},
  PowerWait = {filter = "laserlink.power_wait", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "retry_ms", kind = "number", size = 2, type = "uint16", about = "when they will (ms)"}},
  PowerReady = {filter = "laserlink.power_ready", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}},
  PowerDerate = {filter = "laserlink.power_derate", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "limit_ma", kind = "number", size = 2, type = "uint16", about = "operating and reserve together (mA)"}, {name = "cause", kind = "enum", size = 1, enum = "PowerCause", about = "why"}},
  PowerRevoke = {filter = "laserlink.power_revoke", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "cause", kind = "enum", size = 1, enum = "PowerCause", about = "why"}},
  PowerStatus = {filter = "laserlink.power_status", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "phase", kind = "enum", size = 1, enum = "PowerPhase", about = "how far it has come"}, {name = "limit_ma", kind = "number", size = 2, type = "uint16", about = "what the module may draw now (mA)"}, {name = "draw_ma", kind = "number", size = 2, type = "uint16", about = "what it draws now (mA)"}},
  TemperatureEvent = {filter = "laserlink.temperature_event", {name = "level", kind = "enum", size = 1, enum = "TemperatureLevel", about = "warm derates, hot darkens"}, {name = "temperature_centi_c", kind = "number", size = 2, type = "int16", about = "at the sensor (0.01 degC)"}},
  LaserOffEvent = {filter = "laserlink.laser_off_event", {name = "cause", kind = "enum", size = 1, enum = "LaserOff", about = "which part of it fell"}},
  DescriptorRead = {filter = "laserlink.descriptor_read", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "offset", kind = "number", size = 2, type = "uint16", about = "into the descriptor (bytes)"}},
  DescriptorPart = {filter = "laserlink.descriptor_part", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "total_bytes", kind = "number", size = 2, type = "uint16", about = "of the whole descriptor, at most 16384 (bytes)"}, {name = "offset", kind = "number", size = 2, type = "uint16", about = "of this part (bytes)"}, {name = "part", kind = "rest", about = "bytes of the descriptor"}},
  ControlList = {filter = "laserlink.control_list", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "start", kind = "number", size = 1, type = "uint8", about = "index of the first one wanted"}},
  ControlInfo = {filter = "laserlink.control_info", {name = "id", kind = "number", size = 2, type = "uint16", about = "used to get and set it"}, {name = "name", kind = "text", limit = 32, about = "libcamera's name (at most 32 bytes)"}, {name = "unit", kind = "text", limit = 16, about = "libcamera's unit (at most 16 bytes)"}, {name = "type", kind = "enum", size = 1, enum = "ValueType", about = "of its values"}, {name = "read_only", kind = "number", size = 1, type = "uint8", about = "1: cannot be set"}, {name = "minimum", kind = "octets", size = 8, about = "smallest legal value"}, {name = "maximum", kind = "octets", size = 8, about = "largest legal value"}, {name = "default", kind = "octets", size = 8, about = "value after boot"}},
  ControlInfos = {filter = "laserlink.control_infos", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "total", kind = "number", size = 1, type = "uint8", about = "number of controls of this module"}, {name = "start", kind = "number", size = 1, type = "uint8", about = "index of the first one here"}, {name = "controls", kind = "array", limit = 128, item = {kind = "record", record = "ControlInfo"}, about = "in the order of their ids (at most 128)"}},
  ControlId = {filter = "laserlink.control_id", {name = "id", kind = "number", size = 2, type = "uint16", about = "of the control"}},
  ControlGet = {filter = "laserlink.control_get", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "controls", kind = "array", limit = 16, item = {kind = "record", record = "ControlId"}, about = "which ones (at most 16)"}},
  ControlValue = {filter = "laserlink.control_value", {name = "id", kind = "number", size = 2, type = "uint16", about = "of the control"}, {name = "type", kind = "enum", size = 1, enum = "ValueType", about = "of the value"}, {name = "value", kind = "octets", size = 8, about = "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16"}},
  ControlValues = {filter = "laserlink.control_values", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "set_id", kind = "number", size = 4, type = "uint32", about = "counts accepted sets"}, {name = "values", kind = "array", limit = 16, item = {kind = "record", record = "ControlValue"}, about = "in the order asked (at most 16)"}},
  ControlSet = {filter = "laserlink.control_set", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "values", kind = "array", limit = 16, item = {kind = "record", record = "ControlValue"}, about = "ids and values (at most 16)"}},
  ControlSetReply = {filter = "laserlink.control_set_reply", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "set_id", kind = "number", size = 4, type = "uint32", about = "named by every image that was taken with it"}},
  ControlChanged = {filter = "laserlink.control_changed", {name = "set_id", kind = "number", size = 4, type = "uint32", about = "of the values now in force"}, {name = "id", kind = "number", size = 2, type = "uint16", about = "of the control"}, {name = "type", kind = "enum", size = 1, enum = "ValueType", about = "of the value"}, {name = "value", kind = "octets", size = 8, about = "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16"}},
  ImageStart = {filter = "laserlink.image_start", {name = "image_id", kind = "number", size = 4, type = "uint32", about = "counts images of the channel, from 1"}, {name = "bits", kind = "number", size = 1, type = "uint8", about = "8, 10, 12, 14 or 16: RAW format (bits)"}, {name = "width", kind = "number", size = 2, type = "uint16", about = "a multiple of 4 (pixels)"}, {name = "height", kind = "number", size = 2, type = "uint16", about = "even (pixels)"}, {name = "mode_id", kind = "number", size = 1, type = "uint8", about = "how the sensor was read"}, {name = "encoding", kind = "enum", size = 1, enum = "Encoding", about = "0: packed as MIPI CSI-2 does"}, {name = "coded_bytes", kind = "number", size = 8, type = "uint64", about = "of all chunks together (bytes)"}, {name = "decoded_bytes", kind = "number", size = 8, type = "uint64", about = "of the unpacked uint16 pixels (bytes)"}, {name = "chunk_bytes", kind = "number", size = 2, type = "uint16", about = "of every chunk but the last (bytes)"}, {name = "timestamp_ns", kind = "number", size = 8, type = "uint64", about = "start of the exposure of the first line, on the module's clock (ns)"}, {name = "exposure_us", kind = "number", size = 4, type = "uint32", about = "of each line (us)"}, {name = "control_set_id", kind = "number", size = 4, type = "uint32", about = "the set of controls that was in force"}, {name = "black_level", kind = "number", size = 2, type = "uint16", about = "in this format (DN)"}, {name = "white_level", kind = "number", size = 2, type = "uint16", about = "in this format (DN)"}, {name = "digest_kind", kind = "enum", size = 1, enum = "DigestKind", about = "which digest the strips carry"}},
  ImageData = {filter = "laserlink.image_data", {name = "image_id", kind = "number", size = 4, type = "uint32", about = "of the image"}, {name = "offset", kind = "number", size = 8, type = "uint64", about = "of the chunk in the packed image (bytes)"}, {name = "chunk", kind = "rest", about = "packed pixels"}},
  ImageDigests = {filter = "laserlink.image_digests", {name = "image_id", kind = "number", size = 4, type = "uint32", about = "of the image"}, {name = "image_digest", kind = "number", size = 8, type = "uint64", about = "of the whole image"}, {name = "first_strip", kind = "number", size = 2, type = "uint16", about = "index of the first digest here"}, {name = "digests", kind = "array", limit = 255, item = {kind = "number", size = 8, type = "uint64"}, about = "one for each strip of at most 1 MB (at most 255)"}},
  ImageGone = {filter = "laserlink.image_gone", {name = "image_id", kind = "number", size = 4, type = "uint32", about = "of the image"}},
  Range = {filter = "laserlink.range", {name = "offset", kind = "number", size = 8, type = "uint64", about = "a multiple of chunk_bytes (bytes)"}, {name = "length", kind = "number", size = 4, type = "uint32", about = "up to the next chunk boundary (bytes)"}},
  Resend = {filter = "laserlink.resend", {name = "image_id", kind = "number", size = 4, type = "uint32", about = "of the image"}, {name = "wanted", kind = "number", size = 1, type = "uint8", about = "bit 0 the start, bit 1 the digests; others are ignored"}, {name = "ranges", kind = "array", limit = 16, item = {kind = "record", record = "Range"}, about = "of the packed image (at most 16)"}},
  StreamConfigure = {filter = "laserlink.stream_configure", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "2 to 14"}, {name = "mode_id", kind = "number", size = 1, type = "uint8", about = "of the descriptor"}, {name = "bits", kind = "number", size = 1, type = "uint8", about = "8, 10, 12, 14 or 16 (bits)"}, {name = "x", kind = "number", size = 2, type = "uint16", about = "origin of the region in the mode, even (pixels)"}, {name = "y", kind = "number", size = 2, type = "uint16", about = "origin of the region in the mode, even (pixels)"}, {name = "width", kind = "number", size = 2, type = "uint16", about = "a multiple of 4; 0 for the whole mode (pixels)"}, {name = "height", kind = "number", size = 2, type = "uint16", about = "even; 0 for the whole mode (pixels)"}},
  StreamConfigured = {filter = "laserlink.stream_configured", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "width", kind = "number", size = 2, type = "uint16", about = "of each image (pixels)"}, {name = "height", kind = "number", size = 2, type = "uint16", about = "of each image (pixels)"}, {name = "coded_bytes", kind = "number", size = 8, type = "uint64", about = "of each image (bytes)"}, {name = "chunk_bytes", kind = "number", size = 2, type = "uint16", about = "of every chunk but the last (bytes)"}, {name = "frames_per_image", kind = "number", size = 4, type = "uint32", about = "start, chunks and digests (frames)"}, {name = "interval_us", kind = "number", size = 4, type = "uint32", about = "from one image to the next (us)"}, {name = "draw_ma", kind = "number", size = 2, type = "uint16", about = "what the module then draws, all in all (mA)"}},
  StreamStart = {filter = "laserlink.stream_start", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "images", kind = "number", size = 4, type = "uint32", about = "how many; 0: until stopped (images)"}},
  StreamStarted = {filter = "laserlink.stream_started", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "first_image_id", kind = "number", size = 4, type = "uint32", about = "of the first image; images of a channel are numbered in order"}, {name = "first_sequence", kind = "number", size = 4, type = "uint32", about = "of the first frame of that image; credit counts from here"}},
  StreamStop = {filter = "laserlink.stream_stop", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}},
  StreamStopped = {filter = "laserlink.stream_stopped", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "images", kind = "number", size = 4, type = "uint32", about = "that were sent whole (images)"}},
  StreamChanged = {filter = "laserlink.stream_changed", {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "change", kind = "enum", size = 1, enum = "StreamChange", about = "why"}, {name = "interval_us", kind = "number", size = 4, type = "uint32", about = "from one image to the next, from now on (us)"}},
  StreamEnded = {filter = "laserlink.stream_ended", {name = "channel", kind = "number", size = 1, type = "uint8", about = "of the stream"}, {name = "end", kind = "enum", size = 1, enum = "StreamEnd", about = "why"}, {name = "start_id", kind = "number", size = 2, type = "uint16", about = "the request id of the `StreamStart` that began it"}, {name = "images", kind = "number", size = 4, type = "uint32", about = "that were sent whole (images)"}},
  UpdateBegin = {filter = "laserlink.update_begin", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "total_bytes", kind = "number", size = 4, type = "uint32", about = "at most 1 MiB (bytes)"}, {name = "digest", kind = "number", size = 8, type = "uint64", about = "of the whole, as of a one-strip image"}},
  UpdateData = {filter = "laserlink.update_data", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "offset", kind = "number", size = 4, type = "uint32", about = "of the piece (bytes)"}, {name = "piece", kind = "rest", about = "bytes of the firmware image"}},
  UpdateEnd = {filter = "laserlink.update_end", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}},
  UpdateStatus = {filter = "laserlink.update_status", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "received_bytes", kind = "number", size = 4, type = "uint32", about = "so far (bytes)"}},
  FileRead = {filter = "laserlink.file_read", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "offset", kind = "number", size = 4, type = "uint32", about = "where to begin (bytes)"}, {name = "name", kind = "text", limit = 32, about = "a name, never a path (at most 32 bytes)"}},
  FilePart = {filter = "laserlink.file_part", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "total_bytes", kind = "number", size = 4, type = "uint32", about = "of the whole file (bytes)"}, {name = "offset", kind = "number", size = 4, type = "uint32", about = "of this part (bytes)"}, {name = "part", kind = "rest", about = "bytes of the file"}},
  Echo = {filter = "laserlink.echo", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "data", kind = "rest", about = "at most 1024 bytes"}},
  EchoReply = {filter = "laserlink.echo_reply", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "data", kind = "rest", about = "as they came"}},
  Log = {filter = "laserlink.log", {name = "level", kind = "number", size = 1, type = "uint8", about = "0 debug, 1 information, 2 warning, 3 error"}, {name = "text", kind = "text", limit = 160, about = "one line for a person (at most 160 bytes)"}},
  Train = {filter = "laserlink.train", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "lane", kind = "enum", size = 1, enum = "LaneKind", about = "which lane carries images"}},
  TrainStarted = {filter = "laserlink.train_started", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "lane", kind = "enum", size = 1, enum = "LaneKind", about = "which lane is trained"}},
  Prbs31 = {filter = "laserlink.prbs31", {name = "pattern", kind = "rest", about = "bytes of the pattern"}},
  TrainResult = {filter = "laserlink.train_result", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "counts requests; repeated when the answer did not come"}, {name = "seating", kind = "enum", size = 1, enum = "Seating", about = "what the error rate means"}, {name = "frames", kind = "number", size = 4, type = "uint32", about = "whose header held (frames)"}, {name = "bits", kind = "number", size = 8, type = "uint64", about = "compared (bits)"}, {name = "bit_errors", kind = "number", size = 8, type = "uint64", about = "among them (bits)"}},
  TrainStatus = {filter = "laserlink.train_status", {name = "request_id", kind = "number", size = 2, type = "uint16", about = "the request that this answers"}, {name = "resumed", kind = "number", size = 1, type = "uint8", about = "1: streams that were interrupted go on"}},
}

local messages = {
  [0x01] = {record = "Beacon", role = "datagram", direction = "module to host", first = 0, last = 0},
  [0x02] = {record = "Hello", role = "datagram", direction = "host to module", first = 0, last = 0},
  [0x03] = {record = "HelloReply", role = "datagram", direction = "module to host", first = 0, last = 0},
  [0x04] = {record = "Ping", role = "datagram", direction = "host to module", first = 0, last = 0},
  [0x05] = {record = "Pong", role = "datagram", direction = "module to host", first = 0, last = 0},
  [0x06] = {record = "Ack", role = "datagram", direction = "host to module", first = 0, last = 0},
  [0x07] = {record = "Credit", role = "datagram", direction = "host to module", first = 2, last = 14},
  [0x08] = {record = "Error", role = "datagram", direction = "both ways", first = 0, last = 0},
  [0x09] = {record = "Reset", role = "request", direction = "host to module", first = 0, last = 0},
  [0x0A] = {record = "ResetReply", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x0B] = {record = "CountersRead", role = "request", direction = "host to module", first = 0, last = 0},
  [0x0C] = {record = "Counters", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x0D] = {record = "FaultEvent", role = "event", direction = "module to host", first = 1, last = 1},
  [0x10] = {record = "PowerCapabilities", role = "request", direction = "host to module", first = 0, last = 0},
  [0x11] = {record = "PowerRequest", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x12] = {record = "PowerAccept", role = "request", direction = "host to module", first = 0, last = 0},
  [0x13] = {record = "PowerReject", role = "request", direction = "host to module", first = 0, last = 0},
  [0x14] = {record = "PowerWait", role = "request", direction = "host to module", first = 0, last = 0},
  [0x15] = {record = "PowerReady", role = "request", direction = "host to module", first = 0, last = 0},
  [0x16] = {record = "PowerDerate", role = "request", direction = "host to module", first = 0, last = 0},
  [0x17] = {record = "PowerRevoke", role = "request", direction = "host to module", first = 0, last = 0},
  [0x18] = {record = "PowerStatus", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x19] = {record = "TemperatureEvent", role = "event", direction = "module to host", first = 1, last = 1},
  [0x1A] = {record = "LaserOffEvent", role = "event", direction = "module to host", first = 1, last = 1},
  [0x20] = {record = "DescriptorRead", role = "request", direction = "host to module", first = 0, last = 0},
  [0x21] = {record = "DescriptorPart", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x30] = {record = "ControlList", role = "request", direction = "host to module", first = 0, last = 0},
  [0x31] = {record = "ControlInfos", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x32] = {record = "ControlGet", role = "request", direction = "host to module", first = 0, last = 0},
  [0x33] = {record = "ControlValues", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x34] = {record = "ControlSet", role = "request", direction = "host to module", first = 0, last = 0},
  [0x35] = {record = "ControlSetReply", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x36] = {record = "ControlChanged", role = "event", direction = "module to host", first = 1, last = 1},
  [0x41] = {record = "ImageStart", role = "datagram", direction = "module to host", first = 2, last = 14},
  [0x42] = {record = "ImageData", role = "datagram", direction = "module to host", first = 2, last = 14},
  [0x43] = {record = "ImageDigests", role = "datagram", direction = "module to host", first = 2, last = 14},
  [0x44] = {record = "ImageGone", role = "datagram", direction = "module to host", first = 2, last = 14},
  [0x45] = {record = "Resend", role = "datagram", direction = "host to module", first = 2, last = 14},
  [0x46] = {record = "StreamConfigure", role = "request", direction = "host to module", first = 0, last = 0},
  [0x47] = {record = "StreamConfigured", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x48] = {record = "StreamStart", role = "request", direction = "host to module", first = 0, last = 0},
  [0x49] = {record = "StreamStarted", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x4A] = {record = "StreamStop", role = "request", direction = "host to module", first = 0, last = 0},
  [0x4B] = {record = "StreamStopped", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x4C] = {record = "StreamChanged", role = "event", direction = "module to host", first = 1, last = 1},
  [0x4D] = {record = "StreamEnded", role = "event", direction = "module to host", first = 1, last = 1},
  [0x50] = {record = "UpdateBegin", role = "request", direction = "host to module", first = 15, last = 15},
  [0x51] = {record = "UpdateData", role = "request", direction = "host to module", first = 15, last = 15},
  [0x52] = {record = "UpdateEnd", role = "request", direction = "host to module", first = 15, last = 15},
  [0x53] = {record = "UpdateStatus", role = "reply", direction = "module to host", first = 15, last = 15},
  [0x54] = {record = "FileRead", role = "request", direction = "host to module", first = 15, last = 15},
  [0x55] = {record = "FilePart", role = "reply", direction = "module to host", first = 15, last = 15},
  [0x60] = {record = "Echo", role = "request", direction = "host to module", first = 0, last = 0},
  [0x61] = {record = "EchoReply", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x62] = {record = "Log", role = "event", direction = "module to host", first = 1, last = 1},
  [0x63] = {record = "Train", role = "request", direction = "host to module", first = 0, last = 0},
  [0x64] = {record = "TrainStarted", role = "reply", direction = "module to host", first = 0, last = 0},
  [0x65] = {record = "Prbs31", role = "datagram", direction = "module to host", first = 0, last = 0},
  [0x66] = {record = "TrainResult", role = "request", direction = "host to module", first = 0, last = 0},
  [0x67] = {record = "TrainStatus", role = "reply", direction = "module to host", first = 0, last = 0},
}


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
