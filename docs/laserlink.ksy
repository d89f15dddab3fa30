# LaserLink for Kaitai Struct. Made by `laserlink generate` from the declarations in protocol/. Do not edit.
meta:
  id: laserlink
  title: LaserLink, the laser link between a phone and its snap-on camera
  license: Apache-2.0
  endian: le
  encoding: UTF-8
doc: |
  Intact frames, one after another. The two checks are CRC-32/AUTOSAR: of bytes 0 to 15, and of those and the
  payload; whoever reads frames from a wire checks both before believing anything.
seq:
  - id: frames
    type: frame
    repeat: eos
types:
  frame:
    seq:
      - id: sync
        contents: [0xeb, 0x90]
        doc: "bytes EB 90, the 16-bit optimum pattern of IRIG 106"
      - id: version
        type: u1
        doc: "major in the high nibble, minor in the low; this is 1.0"
      - id: type
        type: u1
        enum: message_type
        doc: "message type, see the catalogue"
      - id: channel
        type: u1
        doc: "0 control, 1 events, 2 to 14 image streams, 15 bulk; the high nibble is zero"
      - id: flags
        type: u1
        doc: "bit 0 ACK_REQUESTED, bit 1 SEALED, bit 2 KEY_PHASE (both reserved), others zero"
      - id: length
        type: u2
        doc: "payload bytes, 0 to 4072"
      - id: session
        type: u4
        doc: "chosen by the host at each attach, random, not zero; 0 only in a beacon"
      - id: sequence
        type: u4
        doc: "counts new frames per channel and direction, over all lanes, modulo 2^32"
      - id: header_check
        type: u4
        doc: "CRC-32/AUTOSAR of bytes 0 to 15"
      - id: payload
        size: length
        type:
          switch-on: type
          cases:
            message_type::beacon: beacon
            message_type::hello: hello
            message_type::hello_reply: hello_reply
            message_type::ping: ping
            message_type::pong: pong
            message_type::ack: ack
            message_type::credit: credit
            message_type::error: error
            message_type::reset: reset
            message_type::reset_reply: reset_reply
            message_type::counters_read: counters_read
            message_type::counters: counters
            message_type::fault_event: fault_event
            message_type::power_capabilities: power_capabilities
            message_type::power_request: power_request
            message_type::power_accept: power_accept
            message_type::power_reject: power_reject
            message_type::power_wait: power_wait
            message_type::power_ready: power_ready
            message_type::power_derate: power_derate
            message_type::power_revoke: power_revoke
            message_type::power_status: power_status
            message_type::temperature_event: temperature_event
            message_type::laser_off_event: laser_off_event
            message_type::descriptor_read: descriptor_read
            message_type::descriptor_part: descriptor_part
            message_type::control_list: control_list
            message_type::control_infos: control_infos
            message_type::control_get: control_get
            message_type::control_values: control_values
            message_type::control_set: control_set
            message_type::control_set_reply: control_set_reply
            message_type::control_changed: control_changed
            message_type::image_start: image_start
            message_type::image_data: image_data
            message_type::image_digests: image_digests
            message_type::image_gone: image_gone
            message_type::resend: resend
            message_type::stream_configure: stream_configure
            message_type::stream_configured: stream_configured
            message_type::stream_start: stream_start
            message_type::stream_started: stream_started
            message_type::stream_stop: stream_stop
            message_type::stream_stopped: stream_stopped
            message_type::stream_changed: stream_changed
            message_type::stream_ended: stream_ended
            message_type::update_begin: update_begin
            message_type::update_data: update_data
            message_type::update_end: update_end
            message_type::update_status: update_status
            message_type::file_read: file_read
            message_type::file_part: file_part
            message_type::echo: echo
            message_type::echo_reply: echo_reply
            message_type::log: log
            message_type::train: train
            message_type::train_started: train_started
            message_type::prbs31: prbs31
            message_type::train_result: train_result
            message_type::train_status: train_status
      - id: frame_check
        type: u4
        doc: "CRC-32/AUTOSAR of bytes 0 to 15, then the payload"
  text:
    seq:
      - id: length
        type: u1
      - id: value
        type: str
        size: length
  beacon:
    doc: "A powered module without a session says that it is there, every 250 ms; the only frame of session 0."
    seq:
      - id: version_first
        type: u1
        doc: "lowest version that the module speaks, as in the header"
      - id: version_last
        type: u1
        doc: "highest version that the module speaks"
      - id: module_id
        type: u8
        doc: "the same for a module's whole life"
      - id: state
        type: u1
        enum: module_state
        doc: "powered; recovering when its host fell silent; fault when latched"
      - id: uptime_ms
        type: u4
        doc: "since the module booted (ms)"
  lane_offer:
    doc: "One lane, as its owner sees it."
    seq:
      - id: id
        type: u1
        doc: "0 sideband, 1 optical"
      - id: kind
        type: u1
        enum: lane_kind
        doc: "what it is made of"
      - id: direction
        type: u1
        enum: lane_direction
        doc: "which way its bytes go"
      - id: coding
        type: u1
        enum: line_coding
        doc: "how bytes become bits"
      - id: rate_bps
        type: u8
        doc: "bits on the line; 0 where a line has no rate (bit/s)"
      - id: latency_us
        type: u4
        doc: "declared latency of the transport (16 ms for USB-serial) (us)"
  hello:
    doc: "The host opens a session: the frame's session field is fresh, random and not zero. Repeated with the same session until answered. The smaller offer holds for each direction."
    seq:
      - id: version_first
        type: u1
        doc: "lowest version that the host speaks"
      - id: version_last
        type: u1
        doc: "highest version that the host speaks"
      - id: features
        type: u8
        doc: "feature mask; unknown bits are ignored"
      - id: to_module_bytes_max
        type: u2
        doc: "max_frame from host to module, at least 256 (bytes)"
      - id: to_host_bytes_max
        type: u2
        doc: "max_frame from module to host, at least 256 (bytes)"
      - id: first_sequence
        type: u4
        doc: "sequence of the first frame on each of the host's channels"
      - id: lanes_count
        type: u1
        valid: {max: 4}
      - id: lanes
        type: lane_offer
        repeat: expr
        repeat-expr: lanes_count
        doc: "the lanes that the host has (at most 4)"
  hello_reply:
    doc: "The module adopts the session: what holds from the next frame on."
    seq:
      - id: version
        type: u1
        doc: "the version spoken from now on"
      - id: features
        type: u8
        doc: "features that both ends have"
      - id: to_module_bytes_max
        type: u2
        doc: "max_frame from host to module (bytes)"
      - id: to_host_bytes_max
        type: u2
        doc: "max_frame from module to host (bytes)"
      - id: first_sequence
        type: u4
        doc: "sequence of the module's first frame on each channel; on channel 0 this one"
      - id: module_id
        type: u8
        doc: "as in the beacon"
      - id: lanes_count
        type: u1
        valid: {max: 4}
      - id: lanes
        type: lane_offer
        repeat: expr
        repeat-expr: lanes_count
        doc: "the lanes of this session (at most 4)"
  ping:
    doc: "The host's keep-alive, every 100 ms, and the confirmation that it sees the laser."
    seq:
      - id: flags
        type: u1
        doc: "bit 0 LIGHT: the host sees the laser"
      - id: number
        type: u4
        doc: "counts pings"
      - id: host_sent_ns
        type: u8
        doc: "on the host's clock (ns)"
  pong:
    doc: "The module's answer to a ping: three timestamps, from which the host knows the module's clock."
    seq:
      - id: number
        type: u4
        doc: "of the ping"
      - id: host_sent_ns
        type: u8
        doc: "of the ping (ns)"
      - id: module_received_ns
        type: u8
        doc: "on the module's clock (ns)"
      - id: module_sent_ns
        type: u8
        doc: "on the module's clock (ns)"
  ack:
    doc: "Cumulative: every frame of the channel before `sequence` was received."
    seq:
      - id: channel
        type: u1
        doc: "whose frames are acknowledged"
      - id: sequence
        type: u4
        doc: "the next one expected"
  credit:
    doc: "Absolute: the highest sequence that new frames of this channel may use; a lost grant is harmless."
    seq:
      - id: sequence
        type: u4
        doc: "the highest that may be used, modulo 2^32"
  error:
    doc: "One offence, answered once; never answered itself. A refused request is answered by it as well."
    seq:
      - id: code
        type: u1
        enum: error_code
        doc: "what was wrong"
      - id: request_id
        type: u2
        doc: "the request that is refused; 0 when it answers none"
      - id: offending_type
        type: u1
        doc: "type of the offending frame"
      - id: offending_channel
        type: u1
        doc: "channel of the offending frame"
      - id: offending_sequence
        type: u4
        doc: "sequence of the offending frame"
      - id: value
        type: u8
        doc: "the offending value, modulo 2^64"
      - id: version_first
        type: u1
        doc: "lowest version that the sender speaks"
      - id: version_last
        type: u1
        doc: "highest version that the sender speaks"
      - id: text
        type: text
        doc: "one line for a person (at most 80 bytes)"
  reset:
    doc: "The host asks the module to restart: it answers, goes dark, and boots."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
  reset_reply:
    doc: "The module restarts now."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
  counters_read:
    doc: "The host asks for the module's counters."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
  counters:
    doc: "What the module counted since it booted, all modulo 2^32."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: frames_received
        type: u4
        doc: "intact frames of this session (frames)"
      - id: frames_sent
        type: u4
        doc: "new frames, resends apart (frames)"
      - id: frames_resent
        type: u4
        doc: "frames sent again (frames)"
      - id: frames_bad
        type: u4
        doc: "runs of bytes that were no frame (runs)"
      - id: frames_stale
        type: u4
        doc: "intact frames of another session (frames)"
      - id: frames_illegal
        type: u4
        doc: "intact but illegal frames of this session (frames)"
      - id: recoveries
        type: u4
        doc: "times that the link was lost and found"
      - id: images
        type: u4
        doc: "images sent (images)"
      - id: uptime_ms
        type: u4
        doc: "since the module booted (ms)"
  fault_event:
    doc: "The module latches a fault: dark, at most 100 mA, until it is removed."
    seq:
      - id: code
        type: u1
        doc: "1 too many recoveries, 2 self-test, 3 events overflow"
      - id: text
        type: text
        doc: "one line for a person (at most 80 bytes)"
  power_offer:
    doc: "One voltage that the phone can put on the pins."
    seq:
      - id: voltage_mv
        type: u2
        doc: "on the pogo pins (mV)"
      - id: current_ma
        type: u2
        doc: "the most that the phone gives at it (mA)"
  power_capabilities:
    doc: "What the phone can give; answered by the module's request."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: offers_count
        type: u1
        valid: {max: 7}
      - id: offers
        type: power_offer
        repeat: expr
        repeat-expr: offers_count
        doc: "lowest voltage first (at most 7)"
  power_request:
    doc: "What the module wants of the offers."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: offer
        type: u1
        doc: "index of the offer"
      - id: operating_ma
        type: u2
        doc: "what it draws when it streams at full rate (mA)"
      - id: reserve_ma
        type: u2
        doc: "kept free above that for short peaks (the focus motor) (mA)"
  power_accept:
    doc: "The phone accepts; the module stays at 100 mA until ready."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
  power_reject:
    doc: "The phone cannot give that; the module stays at 100 mA."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: cause
        type: u1
        enum: power_cause
        doc: "why"
  power_wait:
    doc: "Not now: capabilities follow later."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: retry_ms
        type: u2
        doc: "when they will (ms)"
  power_ready:
    doc: "The rail stands; the contract is in force."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
  power_derate:
    doc: "From now on at most so much: the stream shrinks, nothing restarts."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: limit_ma
        type: u2
        doc: "operating and reserve together (mA)"
      - id: cause
        type: u1
        enum: power_cause
        doc: "why"
  power_revoke:
    doc: "The contract ends: dark in the same step, at most 100 mA within 15 ms."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: cause
        type: u1
        enum: power_cause
        doc: "why"
  power_status:
    doc: "Where the contract stands after a power message."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: phase
        type: u1
        enum: power_phase
        doc: "how far it has come"
      - id: limit_ma
        type: u2
        doc: "what the module may draw now (mA)"
      - id: draw_ma
        type: u2
        doc: "what it draws now (mA)"
  temperature_event:
    doc: "The module's temperature crossed a threshold (with hysteresis). Streams that must slow down do so later: between this and their StreamChanged lies the derate notice. What gets faster again does so at once."
    seq:
      - id: level
        type: u1
        enum: temperature_level
        doc: "warm derates, hot darkens"
      - id: temperature_centi_c
        type: s2
        doc: "at the sensor (0.01 degC)"
  laser_off_event:
    doc: "The interlock put the laser out."
    seq:
      - id: cause
        type: u1
        enum: laser_off
        doc: "which part of it fell"
  descriptor_read:
    doc: "The host asks for the part of the descriptor that begins at `offset`."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: offset
        type: u2
        doc: "into the descriptor (bytes)"
  descriptor_part:
    doc: "As much of the descriptor as fits the frame."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: total_bytes
        type: u2
        doc: "of the whole descriptor, at most 16384 (bytes)"
      - id: offset
        type: u2
        doc: "of this part (bytes)"
      - id: part
        size-eos: true
        doc: "bytes of the descriptor"
  control_list:
    doc: "The host asks which controls there are, from the `start`-th on."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: start
        type: u1
        doc: "index of the first one wanted"
  control_info:
    doc: "One control: its type, unit and bounds (eight-byte values of its type)."
    seq:
      - id: id
        type: u2
        doc: "used to get and set it"
      - id: name
        type: text
        doc: "libcamera's name (at most 32 bytes)"
      - id: unit
        type: text
        doc: "libcamera's unit (at most 16 bytes)"
      - id: type
        type: u1
        enum: value_type
        doc: "of its values"
      - id: read_only
        type: u1
        doc: "1: cannot be set"
      - id: minimum
        size: 8
        doc: "smallest legal value"
      - id: maximum
        size: 8
        doc: "largest legal value"
      - id: default
        size: 8
        doc: "value after boot"
  control_infos:
    doc: "As many controls as fit the frame."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: total
        type: u1
        doc: "number of controls of this module"
      - id: start
        type: u1
        doc: "index of the first one here"
      - id: controls_count
        type: u1
        valid: {max: 128}
      - id: controls
        type: control_info
        repeat: expr
        repeat-expr: controls_count
        doc: "in the order of their ids (at most 128)"
  control_id:
    doc: "Names one control."
    seq:
      - id: id
        type: u2
        doc: "of the control"
  control_get:
    doc: "The host asks for values."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: controls_count
        type: u1
        valid: {max: 16}
      - id: controls
        type: control_id
        repeat: expr
        repeat-expr: controls_count
        doc: "which ones (at most 16)"
  control_value:
    doc: "The value of one control."
    seq:
      - id: id
        type: u2
        doc: "of the control"
      - id: type
        type: u1
        enum: value_type
        doc: "of the value"
      - id: value
        size: 8
        doc: "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16"
  control_values:
    doc: "The values that are in force, and the id of the set that put them there."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: set_id
        type: u4
        doc: "counts accepted sets"
      - id: values_count
        type: u1
        valid: {max: 16}
      - id: values
        type: control_value
        repeat: expr
        repeat-expr: values_count
        doc: "in the order asked (at most 16)"
  control_set:
    doc: "The host sets values: all of them, or none and an error."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: values_count
        type: u1
        valid: {max: 16}
      - id: values
        type: control_value
        repeat: expr
        repeat-expr: values_count
        doc: "ids and values (at most 16)"
  control_set_reply:
    doc: "The values are in force from the next exposure on."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: set_id
        type: u4
        doc: "named by every image that was taken with it"
  control_changed:
    doc: "A control changed without the host: the focus ring was turned, the autofocus is done, it got warmer. What is told before an image names it holds for that image."
    seq:
      - id: set_id
        type: u4
        doc: "of the values now in force"
      - id: id
        type: u2
        doc: "of the control"
      - id: type
        type: u1
        enum: value_type
        doc: "of the value"
      - id: value
        size: 8
        doc: "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16"
  image_start:
    doc: "Opens an image: what is needed to place its bytes, and when and how it was taken."
    seq:
      - id: image_id
        type: u4
        doc: "counts images of the channel, from 1"
      - id: bits
        type: u1
        doc: "8, 10, 12, 14 or 16: RAW format (bits)"
      - id: width
        type: u2
        doc: "a multiple of 4 (pixels)"
      - id: height
        type: u2
        doc: "even (pixels)"
      - id: mode_id
        type: u1
        doc: "how the sensor was read"
      - id: encoding
        type: u1
        enum: encoding
        doc: "0: packed as MIPI CSI-2 does"
      - id: coded_bytes
        type: u8
        doc: "of all chunks together (bytes)"
      - id: decoded_bytes
        type: u8
        doc: "of the unpacked uint16 pixels (bytes)"
      - id: chunk_bytes
        type: u2
        doc: "of every chunk but the last (bytes)"
      - id: timestamp_ns
        type: u8
        doc: "start of the exposure of the first line, on the module's clock (ns)"
      - id: exposure_us
        type: u4
        doc: "of each line (us)"
      - id: control_set_id
        type: u4
        doc: "the set of controls that was in force"
      - id: black_level
        type: u2
        doc: "in this format (DN)"
      - id: white_level
        type: u2
        doc: "in this format (DN)"
      - id: digest_kind
        type: u1
        enum: digest_kind
        doc: "which digest the strips carry"
  image_data:
    doc: "One chunk: a whole number of pixel groups, placed by its offset."
    seq:
      - id: image_id
        type: u4
        doc: "of the image"
      - id: offset
        type: u8
        doc: "of the chunk in the packed image (bytes)"
      - id: chunk
        size-eos: true
        doc: "packed pixels"
  image_digests:
    doc: "Digests of consecutive strips, and of the whole image; the last of them closes the image."
    seq:
      - id: image_id
        type: u4
        doc: "of the image"
      - id: image_digest
        type: u8
        doc: "of the whole image"
      - id: first_strip
        type: u2
        doc: "index of the first digest here"
      - id: digests_count
        type: u1
        valid: {max: 255}
      - id: digests
        type: u8
        repeat: expr
        repeat-expr: digests_count
        doc: "one for each strip of at most 1 MB (at most 255)"
  image_gone:
    doc: "What was asked for is no longer kept. Takes no credit: its sequence is the last one in use."
    seq:
      - id: image_id
        type: u4
        doc: "of the image"
  range:
    doc: "Bytes of a packed image."
    seq:
      - id: offset
        type: u8
        doc: "a multiple of chunk_bytes (bytes)"
      - id: length
        type: u4
        doc: "up to the next chunk boundary (bytes)"
  resend:
    doc: "The host asks for what it lacks: at most a quarter of an image at once."
    seq:
      - id: image_id
        type: u4
        doc: "of the image"
      - id: wanted
        type: u1
        doc: "bit 0 the start, bit 1 the digests; others are ignored"
      - id: ranges_count
        type: u1
        valid: {max: 16}
      - id: ranges
        type: range
        repeat: expr
        repeat-expr: ranges_count
        doc: "of the packed image (at most 16)"
  stream_configure:
    doc: "The host says what a stream shall carry. Width and height 0: the whole mode."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: channel
        type: u1
        doc: "2 to 14"
      - id: mode_id
        type: u1
        doc: "of the descriptor"
      - id: bits
        type: u1
        doc: "8, 10, 12, 14 or 16 (bits)"
      - id: x
        type: u2
        doc: "origin of the region in the mode, even (pixels)"
      - id: y
        type: u2
        doc: "origin of the region in the mode, even (pixels)"
      - id: width
        type: u2
        doc: "a multiple of 4; 0 for the whole mode (pixels)"
      - id: height
        type: u2
        doc: "even; 0 for the whole mode (pixels)"
  stream_configured:
    doc: "What each image of the stream will be."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: channel
        type: u1
        doc: "of the stream"
      - id: width
        type: u2
        doc: "of each image (pixels)"
      - id: height
        type: u2
        doc: "of each image (pixels)"
      - id: coded_bytes
        type: u8
        doc: "of each image (bytes)"
      - id: chunk_bytes
        type: u2
        doc: "of every chunk but the last (bytes)"
      - id: frames_per_image
        type: u4
        doc: "start, chunks and digests (frames)"
      - id: interval_us
        type: u4
        doc: "from one image to the next (us)"
      - id: draw_ma
        type: u2
        doc: "what the module then draws, all in all (mA)"
  stream_start:
    doc: "Images begin, as many as the credit of the channel allows."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: channel
        type: u1
        doc: "of the stream"
      - id: images
        type: u4
        doc: "how many; 0: until stopped (images)"
  stream_started:
    doc: "The first exposure begins."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: channel
        type: u1
        doc: "of the stream"
      - id: first_image_id
        type: u4
        doc: "of the first image; images of a channel are numbered in order"
      - id: first_sequence
        type: u4
        doc: "of the first frame of that image; credit counts from here"
  stream_stop:
    doc: "The stream ends; an image that has begun is not finished."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: channel
        type: u1
        doc: "of the stream"
  stream_stopped:
    doc: "The stream has ended."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: channel
        type: u1
        doc: "of the stream"
      - id: images
        type: u4
        doc: "that were sent whole (images)"
  stream_changed:
    doc: "The stream goes on at another rate, without a restart."
    seq:
      - id: channel
        type: u1
        doc: "of the stream"
      - id: change
        type: u1
        enum: stream_change
        doc: "why"
      - id: interval_us
        type: u4
        doc: "from one image to the next, from now on (us)"
  stream_ended:
    doc: "The stream ended without being stopped by the host."
    seq:
      - id: channel
        type: u1
        doc: "of the stream"
      - id: end
        type: u1
        enum: stream_end
        doc: "why"
      - id: start_id
        type: u2
        doc: "the request id of the `StreamStart` that began it"
      - id: images
        type: u4
        doc: "that were sent whole (images)"
  update_begin:
    doc: "The host announces a firmware image; the laser goes off until the module has restarted."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: total_bytes
        type: u4
        doc: "at most 1 MiB (bytes)"
      - id: digest
        type: u8
        doc: "of the whole, as of a one-strip image"
  update_data:
    doc: "The next piece; pieces come in order."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: offset
        type: u4
        doc: "of the piece (bytes)"
      - id: piece
        size-eos: true
        doc: "bytes of the firmware image"
  update_end:
    doc: "All pieces were sent: the module checks the digest and restarts."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
  update_status:
    doc: "How far the update has come."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: received_bytes
        type: u4
        doc: "so far (bytes)"
  file_read:
    doc: "The host reads a small file of the module (its log, its profile)."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: offset
        type: u4
        doc: "where to begin (bytes)"
      - id: name
        type: text
        doc: "a name, never a path (at most 32 bytes)"
  file_part:
    doc: "As much of the file as fits the frame."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: total_bytes
        type: u4
        doc: "of the whole file (bytes)"
      - id: offset
        type: u4
        doc: "of this part (bytes)"
      - id: part
        size-eos: true
        doc: "bytes of the file"
  echo:
    doc: "The host asks for its bytes back, to measure the line."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: data
        size-eos: true
        doc: "at most 1024 bytes"
  echo_reply:
    doc: "The same bytes."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: data
        size-eos: true
        doc: "as they came"
  log:
    doc: "A line of the module's log."
    seq:
      - id: level
        type: u1
        doc: "0 debug, 1 information, 2 warning, 3 error"
      - id: text
        type: text
        doc: "one line for a person (at most 160 bytes)"
  train:
    doc: "The host asks for light and PRBS31 on the image lane."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: lane
        type: u1
        enum: lane_kind
        doc: "which lane carries images"
  train_started:
    doc: "The pattern runs, for the timer `training_max` at most."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: lane
        type: u1
        enum: lane_kind
        doc: "which lane is trained"
  prbs31:
    doc: "The pattern x^31 + x^28 + 1, LSB first, not inverted, its register seeded by the frame's sequence."
    seq:
      - id: pattern
        size-eos: true
        doc: "bytes of the pattern"
  train_result:
    doc: "What the host measured; the pattern ends. Not seated: dark, and train again."
    seq:
      - id: request_id
        type: u2
        doc: "counts requests; repeated when the answer did not come"
      - id: seating
        type: u1
        enum: seating
        doc: "what the error rate means"
      - id: frames
        type: u4
        doc: "whose header held (frames)"
      - id: bits
        type: u8
        doc: "compared (bits)"
      - id: bit_errors
        type: u8
        doc: "among them (bits)"
  train_status:
    doc: "Training is over."
    seq:
      - id: request_id
        type: u2
        doc: "the request that this answers"
      - id: resumed
        type: u1
        doc: "1: streams that were interrupted go on"
enums:
  message_type:
    1: "beacon"
    2: "hello"
    3: "hello_reply"
    4: "ping"
    5: "pong"
    6: "ack"
    7: "credit"
    8: "error"
    9: "reset"
    10: "reset_reply"
    11: "counters_read"
    12: "counters"
    13: "fault_event"
    16: "power_capabilities"
    17: "power_request"
    18: "power_accept"
    19: "power_reject"
    20: "power_wait"
    21: "power_ready"
    22: "power_derate"
    23: "power_revoke"
    24: "power_status"
    25: "temperature_event"
    26: "laser_off_event"
    32: "descriptor_read"
    33: "descriptor_part"
    48: "control_list"
    49: "control_infos"
    50: "control_get"
    51: "control_values"
    52: "control_set"
    53: "control_set_reply"
    54: "control_changed"
    65: "image_start"
    66: "image_data"
    67: "image_digests"
    68: "image_gone"
    69: "resend"
    70: "stream_configure"
    71: "stream_configured"
    72: "stream_start"
    73: "stream_started"
    74: "stream_stop"
    75: "stream_stopped"
    76: "stream_changed"
    77: "stream_ended"
    80: "update_begin"
    81: "update_data"
    82: "update_end"
    83: "update_status"
    84: "file_read"
    85: "file_part"
    96: "echo"
    97: "echo_reply"
    98: "log"
    99: "train"
    100: "train_started"
    101: "prbs31"
    102: "train_result"
    103: "train_status"
  digest_kind:
    1: "weyl64"
  encoding:
    0: "packed"
  lane_direction:
    0: "both"
    1: "module_to_host"
  lane_kind:
    0: "sideband"
    1: "optical"
  laser_off:
    0: "no_light_confirmed"
    1: "keep_alive"
    2: "hot"
    3: "contract"
    4: "training_over"
  line_coding:
    0: "none"
    1: "uart_8n1"
  module_state:
    0: "detached"
    1: "powered"
    2: "greeted"
    3: "negotiating"
    4: "contracted"
    5: "training"
    6: "identifying"
    7: "ready"
    8: "streaming"
    9: "updating"
    10: "recovering"
    11: "fault"
  power_cause:
    0: "none"
    1: "temperature"
    2: "battery"
    3: "rail"
  power_phase:
    0: "default"
    1: "requested"
    2: "accepted"
    3: "contracted"
    4: "refused"
    5: "waiting"
  seating:
    0: "not_seated"
    1: "marginal"
    2: "seated"
  stream_change:
    1: "derated"
    2: "restored"
  stream_end:
    0: "complete"
    1: "stopped"
    2: "power"
    3: "fault"
  temperature_level:
    0: "normal"
    1: "warm"
    2: "hot"
  value_type:
    1: "bool"
    2: "integer"
    3: "float"
    4: "rectangle"
  error_code:
    1: "unsupported_version"
    2: "reserved_bit"
    3: "unknown_type"
    4: "wrong_direction"
    5: "wrong_channel"
    6: "wrong_lane"
    7: "illegal_in_state"
    8: "malformed_payload"
    9: "frame_too_long"
    10: "unknown_control"
    11: "value_out_of_range"
    12: "wrong_value_type"
    13: "read_only"
    14: "power_budget"
    15: "unknown_mode"
    16: "unknown_stream"
    17: "too_hot"
    18: "out_of_bounds"
    19: "limit_exceeded"
    20: "not_found"
    21: "update_refused"
