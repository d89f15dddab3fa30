/* Written by `laserlink generate` from the tables of both machines. Do not edit. */

#define M_DETACHED 0
#define M_POWERED 1
#define M_GREETED 2
#define M_NEGOTIATING 3
#define M_CONTRACTED 4
#define M_TRAINING 5
#define M_IDENTIFYING 6
#define M_READY 7
#define M_STREAMING 8
#define M_UPDATING 9
#define M_RECOVERING 10
#define M_FAULT 11
#define MI_POWER_UP 1
#define MI_REMOVED 2
#define MI_HOT 3
#define MI_BROKEN 4
#define MI_BOOTED 5
#define MI_ATTACH_EXPIRED 6
#define MI_STILL_HOT 7
#define MI_SILENT 8
#define MI_ALIVE 9
#define MI_UNLIT 10
#define MI_TRAINING_EXPIRED 11
#define MI_STREAMS_DONE 12
#define MI_HELLO 13
#define MI_RESET 14
#define MI_CAPABILITIES 15
#define MI_ACCEPT 16
#define MI_REJECT 17
#define MI_WAIT 18
#define MI_POWER_READY 19
#define MI_DERATE 20
#define MI_DERATE_BELOW_STREAM 21
#define MI_REVOKE 22
#define MI_TRAIN 23
#define MI_TRAINED 24
#define MI_TRAINED_AGAIN 25
#define MI_TRAINED_MID_STREAM 26
#define MI_TRAINING_FAILED 27
#define MI_DESCRIPTOR_READ 28
#define MI_DESCRIPTOR_END 29
#define MI_STREAM_START 30
#define MI_STREAM_STOP 31
#define MI_STREAM_STOP_LAST 32
#define MI_UPDATE_BEGIN 33
#define MI_UPDATE_DATA 34
#define MI_UPDATE_END 35
#define MA_accept_power 1
#define MA_await_cooling 2
#define MA_begin_beacons 3
#define MA_begin_contract 4
#define MA_begin_training 5
#define MA_begin_update 6
#define MA_boot 7
#define MA_darken_hot 8
#define MA_darken_unlit 9
#define MA_darken_untrained 10
#define MA_derate 11
#define MA_derate_to_stop 12
#define MA_end_identifying 13
#define MA_end_training 14
#define MA_end_update 15
#define MA_fail_training 16
#define MA_forget 17
#define MA_give_up 18
#define MA_greet 19
#define MA_latch 20
#define MA_nothing 21
#define MA_recover 22
#define MA_refuse_power 23
#define MA_request_power 24
#define MA_restart 25
#define MA_resume_contact 26
#define MA_resume_streams 27
#define MA_revoke 28
#define MA_send_descriptor 29
#define MA_start_stream 30
#define MA_stop_stream 31
#define MA_take_update 32
#define MA_wait_for_power 33

inline module_row(state, happening) {
    action = 0;
    if
    :: state == M_DETACHED ->
        if
        :: happening == MI_POWER_UP -> action = MA_boot; following = M_POWERED
        :: happening == MI_REMOVED -> action = MA_nothing; following = M_DETACHED
        :: else
        fi
    :: state == M_POWERED ->
        if
        :: happening == MI_BOOTED -> action = MA_begin_beacons; following = M_POWERED
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_GREETED ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_CAPABILITIES -> action = MA_request_power; following = M_NEGOTIATING
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_SILENT -> action = MA_give_up; following = M_POWERED
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_NEGOTIATING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_CAPABILITIES -> action = MA_request_power; following = M_NEGOTIATING
        :: happening == MI_ACCEPT -> action = MA_accept_power; following = M_NEGOTIATING
        :: happening == MI_REJECT -> action = MA_refuse_power; following = M_GREETED
        :: happening == MI_WAIT -> action = MA_wait_for_power; following = M_GREETED
        :: happening == MI_POWER_READY -> action = MA_begin_contract; following = M_CONTRACTED
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_SILENT -> action = MA_give_up; following = M_POWERED
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_CONTRACTED ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_CAPABILITIES -> action = MA_request_power; following = M_NEGOTIATING
        :: happening == MI_TRAIN -> action = MA_begin_training; following = M_TRAINING
        :: happening == MI_DERATE -> action = MA_derate; following = M_CONTRACTED
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_CONTRACTED
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_STILL_HOT -> action = MA_await_cooling; following = M_CONTRACTED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_TRAINING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_TRAIN -> action = MA_begin_training; following = M_TRAINING
        :: happening == MI_TRAINED -> action = MA_end_training; following = M_IDENTIFYING
        :: happening == MI_TRAINED_AGAIN -> action = MA_end_training; following = M_READY
        :: happening == MI_TRAINED_MID_STREAM -> action = MA_resume_streams; following = M_STREAMING
        :: happening == MI_TRAINING_FAILED -> action = MA_fail_training; following = M_CONTRACTED
        :: happening == MI_TRAINING_EXPIRED -> action = MA_darken_untrained; following = M_CONTRACTED
        :: happening == MI_UNLIT -> action = MA_darken_unlit; following = M_CONTRACTED
        :: happening == MI_HOT -> action = MA_darken_hot; following = M_CONTRACTED
        :: happening == MI_DERATE -> action = MA_derate; following = M_TRAINING
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_TRAINING
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_IDENTIFYING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_TRAIN -> action = MA_begin_training; following = M_TRAINING
        :: happening == MI_DESCRIPTOR_READ -> action = MA_send_descriptor; following = M_IDENTIFYING
        :: happening == MI_DESCRIPTOR_END -> action = MA_end_identifying; following = M_READY
        :: happening == MI_UNLIT -> action = MA_darken_unlit; following = M_CONTRACTED
        :: happening == MI_HOT -> action = MA_darken_hot; following = M_CONTRACTED
        :: happening == MI_DERATE -> action = MA_derate; following = M_IDENTIFYING
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_IDENTIFYING
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_READY ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_TRAIN -> action = MA_begin_training; following = M_TRAINING
        :: happening == MI_DESCRIPTOR_READ -> action = MA_send_descriptor; following = M_READY
        :: happening == MI_DESCRIPTOR_END -> action = MA_send_descriptor; following = M_READY
        :: happening == MI_STREAM_START -> action = MA_start_stream; following = M_STREAMING
        :: happening == MI_STREAM_STOP_LAST -> action = MA_stop_stream; following = M_READY
        :: happening == MI_UPDATE_BEGIN -> action = MA_begin_update; following = M_UPDATING
        :: happening == MI_UNLIT -> action = MA_darken_unlit; following = M_CONTRACTED
        :: happening == MI_HOT -> action = MA_darken_hot; following = M_CONTRACTED
        :: happening == MI_DERATE -> action = MA_derate; following = M_READY
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_READY
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_STREAMING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_TRAIN -> action = MA_begin_training; following = M_TRAINING
        :: happening == MI_DESCRIPTOR_READ -> action = MA_send_descriptor; following = M_STREAMING
        :: happening == MI_DESCRIPTOR_END -> action = MA_send_descriptor; following = M_STREAMING
        :: happening == MI_STREAM_START -> action = MA_start_stream; following = M_STREAMING
        :: happening == MI_STREAM_STOP -> action = MA_stop_stream; following = M_STREAMING
        :: happening == MI_STREAM_STOP_LAST -> action = MA_stop_stream; following = M_READY
        :: happening == MI_STREAMS_DONE -> action = MA_nothing; following = M_READY
        :: happening == MI_UNLIT -> action = MA_darken_unlit; following = M_CONTRACTED
        :: happening == MI_HOT -> action = MA_darken_hot; following = M_CONTRACTED
        :: happening == MI_DERATE -> action = MA_derate; following = M_STREAMING
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_READY
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_UPDATING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_UPDATE_DATA -> action = MA_take_update; following = M_UPDATING
        :: happening == MI_UPDATE_END -> action = MA_end_update; following = M_POWERED
        :: happening == MI_DERATE -> action = MA_derate; following = M_UPDATING
        :: happening == MI_DERATE_BELOW_STREAM -> action = MA_derate_to_stop; following = M_UPDATING
        :: happening == MI_REVOKE -> action = MA_revoke; following = M_GREETED
        :: happening == MI_SILENT -> action = MA_recover; following = M_RECOVERING
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_RECOVERING ->
        if
        :: happening == MI_HELLO -> action = MA_greet; following = M_GREETED
        :: happening == MI_ALIVE -> action = MA_resume_contact; following = M_CONTRACTED
        :: happening == MI_ATTACH_EXPIRED -> action = MA_give_up; following = M_POWERED
        :: happening == MI_RESET -> action = MA_restart; following = M_POWERED
        :: happening == MI_BROKEN -> action = MA_latch; following = M_FAULT
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: state == M_FAULT ->
        if
        :: happening == MI_REMOVED -> action = MA_forget; following = M_DETACHED
        :: else
        fi
    :: else
    fi
}

#define H_ABSENT 0
#define H_POWERED 1
#define H_GREETED 2
#define H_NEGOTIATING 3
#define H_CONTRACTED 4
#define H_TRAINING 5
#define H_IDENTIFYING 6
#define H_READY 7
#define H_STREAMING 8
#define H_UPDATING 9
#define H_RECOVERING 10
#define H_FAULT 11
#define H_SEATING 12
#define HI_CONTACT 1
#define HI_REMOVED 2
#define HI_SHORTED 3
#define HI_SEATED 4
#define HI_NO_DEVICE 5
#define HI_ATTACH_EXPIRED 6
#define HI_RAIL_UP 7
#define HI_MEASURED 8
#define HI_SILENT 9
#define HI_ALIVE 10
#define HI_REFUSED 11
#define HI_BROKEN 12
#define HI_STREAMS_DONE 13
#define HI_FIRST_WORD 14
#define HI_HELLO_REPLY 15
#define HI_POWER_REQUEST 16
#define HI_POWER_TOO_MUCH 17
#define HI_POWER_REFUSED 18
#define HI_POWER_ACCEPTED 19
#define HI_POWER_CONTRACTED 20
#define HI_POWER_ENDED 21
#define HI_TRAIN_STARTED 22
#define HI_TRAINED 23
#define HI_TRAINED_AGAIN 24
#define HI_TRAINED_MID_STREAM 25
#define HI_TRAINING_FAILED 26
#define HI_DESCRIPTOR_PART 27
#define HI_DESCRIPTOR_END 28
#define HI_STREAM_STARTED 29
#define HI_UPDATE_BEGUN 30
#define HI_RESTARTING 31
#define HI_RESTARTED 32
#define HI_DARK 33
#define HI_HOT 34
#define HI_COOLED 35
#define HA_accept_power 1
#define HA_await_cooling 2
#define HA_await_light 3
#define HA_await_restart 4
#define HA_debounce 5
#define HA_detach 6
#define HA_end_refused 7
#define HA_follow_stream 8
#define HA_give_up 9
#define HA_greet 10
#define HA_greet_again 11
#define HA_identify 12
#define HA_latch 13
#define HA_leave 14
#define HA_lose_light 15
#define HA_lose_power 16
#define HA_lose_to_heat 17
#define HA_nothing 18
#define HA_offer_power 19
#define HA_power_up 20
#define HA_raise_rail 21
#define HA_recover 22
#define HA_refuse_short 23
#define HA_reject_power 24
#define HA_report_no_device 25
#define HA_report_rail 26
#define HA_report_refusal 27
#define HA_report_training 28
#define HA_resume 29
#define HA_take_last_part 30
#define HA_take_part 31
#define HA_train 32
#define HA_train_again 33

inline host_row(state, happening) {
    action = 0;
    if
    :: state == H_ABSENT ->
        if
        :: happening == HI_CONTACT -> action = HA_debounce; following = H_SEATING
        :: happening == HI_REMOVED -> action = HA_nothing; following = H_ABSENT
        :: else
        fi
    :: state == H_SEATING ->
        if
        :: happening == HI_SEATED -> action = HA_power_up; following = H_POWERED
        :: happening == HI_SHORTED -> action = HA_refuse_short; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_leave; following = H_ABSENT
        :: else
        fi
    :: state == H_POWERED ->
        if
        :: happening == HI_FIRST_WORD -> action = HA_greet; following = H_GREETED
        :: happening == HI_NO_DEVICE -> action = HA_report_no_device; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_GREETED ->
        if
        :: happening == HI_HELLO_REPLY -> action = HA_offer_power; following = H_NEGOTIATING
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_give_up; following = H_POWERED
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_NEGOTIATING ->
        if
        :: happening == HI_POWER_REQUEST -> action = HA_accept_power; following = H_NEGOTIATING
        :: happening == HI_POWER_TOO_MUCH -> action = HA_reject_power; following = H_NEGOTIATING
        :: happening == HI_POWER_REFUSED -> action = HA_end_refused; following = H_FAULT
        :: happening == HI_POWER_ACCEPTED -> action = HA_raise_rail; following = H_NEGOTIATING
        :: happening == HI_RAIL_UP -> action = HA_report_rail; following = H_NEGOTIATING
        :: happening == HI_POWER_CONTRACTED -> action = HA_train; following = H_CONTRACTED
        :: happening == HI_REFUSED -> action = HA_report_refusal; following = H_FAULT
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_give_up; following = H_POWERED
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_CONTRACTED ->
        if
        :: happening == HI_TRAIN_STARTED -> action = HA_await_light; following = H_TRAINING
        :: happening == HI_REFUSED -> action = HA_await_cooling; following = H_CONTRACTED
        :: happening == HI_COOLED -> action = HA_train; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_TRAINING ->
        if
        :: happening == HI_MEASURED -> action = HA_report_training; following = H_TRAINING
        :: happening == HI_TRAINED -> action = HA_identify; following = H_IDENTIFYING
        :: happening == HI_TRAINED_AGAIN -> action = HA_resume; following = H_READY
        :: happening == HI_TRAINED_MID_STREAM -> action = HA_resume; following = H_STREAMING
        :: happening == HI_TRAINING_FAILED -> action = HA_train_again; following = H_CONTRACTED
        :: happening == HI_REFUSED -> action = HA_train_again; following = H_CONTRACTED
        :: happening == HI_DARK -> action = HA_train_again; following = H_CONTRACTED
        :: happening == HI_HOT -> action = HA_lose_to_heat; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_IDENTIFYING ->
        if
        :: happening == HI_DESCRIPTOR_PART -> action = HA_take_part; following = H_IDENTIFYING
        :: happening == HI_DESCRIPTOR_END -> action = HA_take_last_part; following = H_READY
        :: happening == HI_REFUSED -> action = HA_report_refusal; following = H_FAULT
        :: happening == HI_TRAIN_STARTED -> action = HA_await_light; following = H_TRAINING
        :: happening == HI_DARK -> action = HA_lose_light; following = H_CONTRACTED
        :: happening == HI_HOT -> action = HA_lose_to_heat; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_READY ->
        if
        :: happening == HI_STREAM_STARTED -> action = HA_follow_stream; following = H_STREAMING
        :: happening == HI_UPDATE_BEGUN -> action = HA_nothing; following = H_UPDATING
        :: happening == HI_TRAIN_STARTED -> action = HA_await_light; following = H_TRAINING
        :: happening == HI_DARK -> action = HA_lose_light; following = H_CONTRACTED
        :: happening == HI_HOT -> action = HA_lose_to_heat; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_STREAMING ->
        if
        :: happening == HI_STREAM_STARTED -> action = HA_follow_stream; following = H_STREAMING
        :: happening == HI_STREAMS_DONE -> action = HA_nothing; following = H_READY
        :: happening == HI_TRAIN_STARTED -> action = HA_await_light; following = H_TRAINING
        :: happening == HI_DARK -> action = HA_lose_light; following = H_CONTRACTED
        :: happening == HI_HOT -> action = HA_lose_to_heat; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_UPDATING ->
        if
        :: happening == HI_RESTARTING -> action = HA_await_restart; following = H_POWERED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_DARK -> action = HA_lose_light; following = H_CONTRACTED
        :: happening == HI_POWER_ENDED -> action = HA_lose_power; following = H_GREETED
        :: happening == HI_SILENT -> action = HA_recover; following = H_RECOVERING
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_RECOVERING ->
        if
        :: happening == HI_ALIVE -> action = HA_train; following = H_CONTRACTED
        :: happening == HI_RESTARTED -> action = HA_greet_again; following = H_GREETED
        :: happening == HI_ATTACH_EXPIRED -> action = HA_give_up; following = H_POWERED
        :: happening == HI_BROKEN -> action = HA_latch; following = H_FAULT
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: state == H_FAULT ->
        if
        :: happening == HI_REMOVED -> action = HA_detach; following = H_ABSENT
        :: else
        fi
    :: else
    fi
}

/* The messages, and the states in which their receiver may take them: protocol/catalogue.py. */

#define Beacon 1
#define LEGAL_Beacon(state) ((6142 >> (state)) & 1)
#define Hello 2
#define LEGAL_Hello(state) ((2046 >> (state)) & 1)
#define HelloReply 3
#define LEGAL_HelloReply(state) ((2044 >> (state)) & 1)
#define Ping 4
#define LEGAL_Ping(state) ((2044 >> (state)) & 1)
#define Pong 5
#define LEGAL_Pong(state) ((2044 >> (state)) & 1)
#define Ack 6
#define LEGAL_Ack(state) ((2044 >> (state)) & 1)
#define Credit 7
#define LEGAL_Credit(state) ((2044 >> (state)) & 1)
#define Error 8
#define LEGAL_Error(state) ((2044 >> (state)) & 1)
#define Reset 9
#define LEGAL_Reset(state) ((2044 >> (state)) & 1)
#define ResetReply 10
#define LEGAL_ResetReply(state) ((2044 >> (state)) & 1)
#define CountersRead 11
#define LEGAL_CountersRead(state) ((2044 >> (state)) & 1)
#define Counters 12
#define LEGAL_Counters(state) ((2044 >> (state)) & 1)
#define FaultEvent 13
#define LEGAL_FaultEvent(state) ((2044 >> (state)) & 1)
#define PowerCapabilities 16
#define LEGAL_PowerCapabilities(state) ((1052 >> (state)) & 1)
#define PowerRequest 17
#define LEGAL_PowerRequest(state) ((2044 >> (state)) & 1)
#define PowerAccept 18
#define LEGAL_PowerAccept(state) ((8 >> (state)) & 1)
#define PowerReject 19
#define LEGAL_PowerReject(state) ((8 >> (state)) & 1)
#define PowerWait 20
#define LEGAL_PowerWait(state) ((8 >> (state)) & 1)
#define PowerReady 21
#define LEGAL_PowerReady(state) ((8 >> (state)) & 1)
#define PowerDerate 22
#define LEGAL_PowerDerate(state) ((2032 >> (state)) & 1)
#define PowerRevoke 23
#define LEGAL_PowerRevoke(state) ((2032 >> (state)) & 1)
#define PowerStatus 24
#define LEGAL_PowerStatus(state) ((2044 >> (state)) & 1)
#define TemperatureEvent 25
#define LEGAL_TemperatureEvent(state) ((2044 >> (state)) & 1)
#define LaserOffEvent 26
#define LEGAL_LaserOffEvent(state) ((2044 >> (state)) & 1)
#define DescriptorRead 32
#define LEGAL_DescriptorRead(state) ((448 >> (state)) & 1)
#define DescriptorPart 33
#define LEGAL_DescriptorPart(state) ((2044 >> (state)) & 1)
#define ControlList 48
#define LEGAL_ControlList(state) ((384 >> (state)) & 1)
#define ControlInfos 49
#define LEGAL_ControlInfos(state) ((2044 >> (state)) & 1)
#define ControlGet 50
#define LEGAL_ControlGet(state) ((384 >> (state)) & 1)
#define ControlValues 51
#define LEGAL_ControlValues(state) ((2044 >> (state)) & 1)
#define ControlSet 52
#define LEGAL_ControlSet(state) ((384 >> (state)) & 1)
#define ControlSetReply 53
#define LEGAL_ControlSetReply(state) ((2044 >> (state)) & 1)
#define ControlChanged 54
#define LEGAL_ControlChanged(state) ((2044 >> (state)) & 1)
#define ImageStart 65
#define LEGAL_ImageStart(state) ((2032 >> (state)) & 1)
#define ImageData 66
#define LEGAL_ImageData(state) ((2032 >> (state)) & 1)
#define ImageDigests 67
#define LEGAL_ImageDigests(state) ((2032 >> (state)) & 1)
#define ImageGone 68
#define LEGAL_ImageGone(state) ((2032 >> (state)) & 1)
#define Resend 69
#define LEGAL_Resend(state) ((2032 >> (state)) & 1)
#define StreamConfigure 70
#define LEGAL_StreamConfigure(state) ((384 >> (state)) & 1)
#define StreamConfigured 71
#define LEGAL_StreamConfigured(state) ((2044 >> (state)) & 1)
#define StreamStart 72
#define LEGAL_StreamStart(state) ((384 >> (state)) & 1)
#define StreamStarted 73
#define LEGAL_StreamStarted(state) ((2044 >> (state)) & 1)
#define StreamStop 74
#define LEGAL_StreamStop(state) ((384 >> (state)) & 1)
#define StreamStopped 75
#define LEGAL_StreamStopped(state) ((2044 >> (state)) & 1)
#define StreamChanged 76
#define LEGAL_StreamChanged(state) ((2044 >> (state)) & 1)
#define StreamEnded 77
#define LEGAL_StreamEnded(state) ((2044 >> (state)) & 1)
#define UpdateBegin 80
#define LEGAL_UpdateBegin(state) ((128 >> (state)) & 1)
#define UpdateData 81
#define LEGAL_UpdateData(state) ((512 >> (state)) & 1)
#define UpdateEnd 82
#define LEGAL_UpdateEnd(state) ((512 >> (state)) & 1)
#define UpdateStatus 83
#define LEGAL_UpdateStatus(state) ((2044 >> (state)) & 1)
#define FileRead 84
#define LEGAL_FileRead(state) ((384 >> (state)) & 1)
#define FilePart 85
#define LEGAL_FilePart(state) ((2044 >> (state)) & 1)
#define Echo 96
#define LEGAL_Echo(state) ((2044 >> (state)) & 1)
#define EchoReply 97
#define LEGAL_EchoReply(state) ((2044 >> (state)) & 1)
#define Log 98
#define LEGAL_Log(state) ((2044 >> (state)) & 1)
#define Train 99
#define LEGAL_Train(state) ((1520 >> (state)) & 1)
#define TrainStarted 100
#define LEGAL_TrainStarted(state) ((2044 >> (state)) & 1)
#define Prbs31 101
#define LEGAL_Prbs31(state) ((2032 >> (state)) & 1)
#define TrainResult 102
#define LEGAL_TrainResult(state) ((32 >> (state)) & 1)
#define TrainStatus 103
#define LEGAL_TrainStatus(state) ((2044 >> (state)) & 1)

inline request_row(kind, state) {
    legal = false;
    happening = 0;
    if
    :: kind == Reset -> legal = LEGAL_Reset(state); happening = MI_RESET
    :: kind == CountersRead -> legal = LEGAL_CountersRead(state); happening = 0
    :: kind == PowerCapabilities -> legal = LEGAL_PowerCapabilities(state); happening = MI_CAPABILITIES
    :: kind == PowerAccept -> legal = LEGAL_PowerAccept(state); happening = MI_ACCEPT
    :: kind == PowerReject -> legal = LEGAL_PowerReject(state); happening = MI_REJECT
    :: kind == PowerWait -> legal = LEGAL_PowerWait(state); happening = MI_WAIT
    :: kind == PowerReady -> legal = LEGAL_PowerReady(state); happening = MI_POWER_READY
    :: kind == PowerDerate -> legal = LEGAL_PowerDerate(state); happening = 0
    :: kind == PowerRevoke -> legal = LEGAL_PowerRevoke(state); happening = MI_REVOKE
    :: kind == DescriptorRead -> legal = LEGAL_DescriptorRead(state); happening = 0
    :: kind == ControlList -> legal = LEGAL_ControlList(state); happening = 0
    :: kind == ControlGet -> legal = LEGAL_ControlGet(state); happening = 0
    :: kind == ControlSet -> legal = LEGAL_ControlSet(state); happening = 0
    :: kind == StreamConfigure -> legal = LEGAL_StreamConfigure(state); happening = 0
    :: kind == StreamStart -> legal = LEGAL_StreamStart(state); happening = MI_STREAM_START
    :: kind == StreamStop -> legal = LEGAL_StreamStop(state); happening = 0
    :: kind == UpdateBegin -> legal = LEGAL_UpdateBegin(state); happening = MI_UPDATE_BEGIN
    :: kind == UpdateData -> legal = LEGAL_UpdateData(state); happening = MI_UPDATE_DATA
    :: kind == UpdateEnd -> legal = LEGAL_UpdateEnd(state); happening = MI_UPDATE_END
    :: kind == FileRead -> legal = LEGAL_FileRead(state); happening = 0
    :: kind == Echo -> legal = LEGAL_Echo(state); happening = 0
    :: kind == Train -> legal = LEGAL_Train(state); happening = MI_TRAIN
    :: kind == TrainResult -> legal = LEGAL_TrainResult(state); happening = 0
    :: else
    fi
}

/* The states in which the module's interlock allows light: firmware_model/actions.py. */

#define LIT_STATE(state) (state == M_TRAINING || state == M_IDENTIFYING || state == M_READY || state == M_STREAMING)

/* protocol/limits.py */

#define LIMIT_IMAGES_IN_FLIGHT 2
#define LIMIT_RECOVERIES_MAX 5
#define LIMIT_RESEND_TRIES 5
