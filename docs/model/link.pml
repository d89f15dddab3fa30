/*
 * Attach, power, laser: one phone, two modules, lossy channels. docs/model/README.md says what is in and what is not.
 *
 * States, inputs, rows, legality and limits come from tables.pml, which is generated. What each action does to the
 * variables below is written here by hand, after `do_<action>` in both actions.py.
 *
 * Defines:  H2M, M2H   frames that a direction of the sideband holds
 *           RECOVERIES recoveries until an end latches
 *           HEAT, USER, RESTARTS, REORDER  with the happenings of that kind
 *           CANARY_...  one planted defect each; tests/tools/test_promela.py sees that spin finds them
 */

#include "tables.pml"

#ifndef H2M
#define H2M 2
#endif
#ifndef M2H
#define M2H 2
#endif
#ifndef QUEUE
#define QUEUE 3
#endif
#ifndef RECOVERIES
#define RECOVERIES 1
#endif

#define NOBODY 2
#define SESSIONS 8 /* one more than can be remembered anywhere at once */
#define NO_REQUEST 7
#define AGE_MAX 3

/* Messages without a number of their own in the catalogue: what they say matters, and so they are several. */
#define PING_LIGHT 200
#define BAD_RESULT 201
#define BEACON_FAULT 202
#define BEACON_RECOVERING 203
#define DARK 204
#define DARK_HOT 205
#define NOW_HOT 206
#define COOLED 207
/* Answers; which request they answer is known by the age of the request. */
#define OK 220
#define RESUMED 221
#define IS_DEFAULT 222
#define IS_REFUSED 223
#define IS_ACCEPTED 224
#define IS_CONTRACTED 225
#define TOO_HOT 226
#define ILLEGAL 227
#define REFUSAL 228
#define is_answer(kind) (kind >= OK)
#define is_event(kind) (kind >= DARK && kind <= COOLED || kind == StreamEnded)

/* Phases of a contract: the PowerPhase of protocol/states.py. */
#define DEFAULT 0
#define REQUESTED 1
#define ACCEPTED 2
#define CONTRACTED 3

/* What keeps an end safe; each is taken away once, to see that its absence is found. */
#ifdef CANARY_LASER
#define pin(me) true
#else
#define pin(me) (snapped == me)
#endif
#ifdef CANARY_STALE_TO_MODULE
#define of_module_session(me) true
#else
#define of_module_session(me) (session == m_session[me])
#endif
#ifdef CANARY_STALE_TO_HOST
#define of_host_session true
#else
#define of_host_session (session == h_session && h_session)
#endif

/* --- what there is --- */

chan h2m = [H2M] of { byte, byte, byte };       /* kind, session, age of the request */
chan m2h = [M2H] of { byte, byte, byte };       /* kind, session, which module sent it (known to the proof alone) */

byte snapped = NOBODY;
byte before = NOBODY;                            /* pulled off, and the host has not noticed */
bool quiet;                                      /* no more faults from here on */
bool beaconed;                                   /* while quiet: sent, and nothing else has happened since */
bool pinged;

byte m_state[2];
byte m_session[2];
byte m_phase[2];
byte m_last[2] = NO_REQUEST;
byte m_answer[2];
byte m_recoveries[2];
bool m_booting[2];
bool m_attach[2];
bool m_identified[2];
bool m_streaming[2];
bool m_hot[2];
bool m_unconfirmed[2];
bool m_lit[2];

byte h_state;
byte h_session;
byte h_peer = NOBODY;                            /* who answered hello (known to the proof alone) */
byte h_out;                                      /* the request that is not answered */
chan queue = [QUEUE] of { byte };                /* the requests behind it */
byte h_rail;                                     /* 0, 1: 100 mA, 2: raised */
byte h_recoveries;
bool h_resent;
bool h_spoken;
bool h_hello;
bool h_attach;
bool h_ramp;
bool h_training;
bool h_descriptor;
bool h_streaming;
bool h_unheard;
bool h_light;

/* Scratch of one step: zero again behind it. */
byte happening, instead, wish, action, following, pending, kind, session, age, answer, luck, which, other, count, fresh;
bool legal, asked, refused, told, found, removed;

inline forget() {
    happening = 0; instead = 0; wish = 0; action = 0; following = 0; pending = 0; kind = 0; session = 0; age = 0;
    answer = 0; luck = 0; which = 0; other = 0; count = 0; fresh = 0;
    legal = false; asked = false; refused = false; told = false; found = false; removed = false
}

/* --- time: while there are faults, a timer that runs may end at any moment; while quiet, the shortest first --- */

#define linked_module(me) LEGAL_Ping(m_state[me])
#define linked_host LEGAL_Pong(h_state)
#define shines (m_lit[0] || m_lit[1])
#define in_session(me) (snapped == me && h_session && m_session[me] == h_session && linked_module(me) && linked_host && !h_hello)
#define together (in_session(0) || in_session(1))
#define beacons(me) (m_state[me] == M_POWERED && !m_booting[me] || m_state[me] == M_FAULT || m_state[me] == M_RECOVERING)
#define finished(me) (m_state[me] == M_STREAMING && !m_streaming[me])
#define gone(me) (snapped != me && m_state[me] != M_DETACHED)
#define here(me) (snapped == me && m_state[me] == M_DETACHED)

#define calm (empty(h2m) && empty(m2h) && h_light == shines && !finished(0) && !finished(1) && !here(0) && !here(1) \
    && !(h_state == H_STREAMING && !h_streaming) && !(h_state == H_ABSENT && snapped != NOBODY) && !m_hot[0] && !m_hot[1])
#define unsaid (h_light && (m_unconfirmed[0] || m_unconfirmed[1]) && together)
#define short_timers (h_state == H_SEATING || h_hello && !h_resent || h_out || h_ramp || h_training || unsaid \
    || m_booting[0] || m_booting[1] || gone(0) || gone(1) || h_state != H_ABSENT && snapped == NOBODY)
#define light_timers (m_unconfirmed[0] || m_unconfirmed[1] || m_state[0] == M_TRAINING || m_state[1] == M_TRAINING)
#define host_waits (h_session && !h_hello && h_state != H_RECOVERING && h_state != H_POWERED)
#define user_acts (snapped == NOBODY || h_state == H_FAULT || h_state == H_GREETED && !h_hello \
    || h_state == H_UPDATING && together)
#define ping_timer (h_session && !h_hello && linked_host && !pinged)
#define beacon_timer ((beacons(0) || beacons(1)) && !beaconed)
#define module_silence(me) (linked_module(me) && m_state[me] != M_RECOVERING && !(quiet && in_session(me)))
#define host_silence (host_waits && !(quiet && together))

#define may_now (!quiet || calm)
#define may_light (!quiet || calm && !short_timers)
#define may_user (calm && !short_timers && !light_timers)
#define may_keep (!quiet || may_user && !user_acts)
#define may_silence (!quiet || may_keep && !ping_timer && !beacon_timer)
#define may_watch (may_silence && (!quiet || !module_silence(0) && !module_silence(1) && !host_silence))

/* The goal: both ends work, in one session, and there is light. */
#define linked (together && shines && h_light && (h_state == H_READY || h_state == H_STREAMING) \
    && (m_state[snapped % 2] == M_READY || m_state[snapped % 2] == M_STREAMING))

/* --- what is always true --- */

inline check(me) {
    assert(!m_lit[me] || snapped == me);                          /* no light without contact */
    assert(!m_lit[me] || m_phase[me] == CONTRACTED);              /* nor without a contract, */
    assert(!m_lit[me] || !m_hot[me]);                             /* nor hot, */
    assert(!m_lit[me] || m_session[me] && m_state[me] != M_UPDATING && m_state[me] != M_FAULT &&
        m_state[me] != M_RECOVERING);                          /* nor without a keep-alive */
    assert(m_state[me] != M_DETACHED || !m_session[me] && m_phase[me] == DEFAULT && !m_streaming[me] &&
        !m_identified[me]);                                    /* off: nothing is remembered */
    assert(!m_phase[me] || m_session[me]);                        /* no contract without a session */
    assert(h_state != H_ABSENT && h_state != H_FAULT || !h_rail && !h_session && !h_out);
    assert(h_rail < 2 || h_session);                              /* no more than 100 mA without a session */
}

/* --- both ends: sending --- */

inline to_module(what, how_old) {
    if
    :: len(h2m) < H2M -> h2m!what,h_session,how_old
    :: else
    fi
}

/* A beacon belongs to no session, and says in which state the module is. */
inline to_host(me, what) {
    if
    :: len(m2h) == M2H -> skip
    :: len(m2h) < M2H && what != Beacon -> m2h!what,m_session[me],me
    :: else -> m2h!(m_state[me] == M_FAULT -> BEACON_FAULT : (m_state[me] == M_RECOVERING -> BEACON_RECOVERING : Beacon)),0,me
    fi
}

/* --- the module --- */

inline tell(me, what) {
    if
    :: m_session[me] && m_state[me] != M_POWERED && m_state[me] != M_FAULT -> told = true; to_host(me, what)
    :: else
    fi
}

inline end_module_session(me) {
    m_session[me] = 0;
    m_phase[me] = DEFAULT;
    m_last[me] = NO_REQUEST;
    m_answer[me] = 0;
    m_identified[me] = false;
    m_streaming[me] = false;
    m_attach[me] = false
}

inline module_action(me) {
    if
    :: action == MA_nothing || action == MA_send_descriptor || action == MA_take_update -> answer = OK
    :: action == MA_boot -> end_module_session(me); m_booting[me] = true
    :: action == MA_begin_beacons -> end_module_session(me); m_booting[me] = false; to_host(me, Beacon)
    :: action == MA_forget -> end_module_session(me); m_booting[me] = false; m_recoveries[me] = 0
    :: action == MA_latch -> m_phase[me] = DEFAULT; m_streaming[me] = false; m_attach[me] = false; m_booting[me] = false;
        if
        :: m_session[me] -> to_host(me, FaultEvent)
        :: else
        fi
    :: action == MA_restart || action == MA_end_update ->
        m_streaming[me] = false; m_phase[me] = DEFAULT; m_attach[me] = false; m_booting[me] = true; answer = OK
    :: action == MA_give_up -> end_module_session(me)
    :: action == MA_greet -> end_module_session(me); m_session[me] = session; m_attach[me] = true; to_host(me, HelloReply)
    :: action == MA_request_power -> m_phase[me] = REQUESTED; answer = OK
    :: action == MA_accept_power -> m_phase[me] = ACCEPTED; answer = IS_ACCEPTED
    :: action == MA_refuse_power -> m_phase[me] = DEFAULT; answer = IS_REFUSED
    :: action == MA_begin_contract ->
        if
        :: m_phase[me] == ACCEPTED -> m_phase[me] = CONTRACTED; answer = IS_CONTRACTED
        :: else -> refused = true; answer = REFUSAL
        fi
    :: action == MA_revoke -> m_streaming[me] = false; m_phase[me] = DEFAULT; answer = IS_DEFAULT
    :: action == MA_begin_training ->
        if
        :: m_hot[me] -> refused = true; answer = TOO_HOT
        :: else -> answer = OK
        fi
    :: action == MA_end_training || action == MA_resume_streams || action == MA_fail_training ->
        answer = (m_streaming[me] -> RESUMED : OK)
    :: action == MA_darken_untrained || action == MA_darken_unlit -> tell(me, DARK)
    :: action == MA_darken_hot -> tell(me, DARK_HOT)
    :: action == MA_recover -> m_recoveries[me]++; m_attach[me] = true; tell(me, DARK)
    :: action == MA_resume_contact -> m_attach[me] = false
    :: action == MA_end_identifying -> m_identified[me] = true; answer = OK
    :: action == MA_start_stream ->
        if
        :: m_streaming[me] -> refused = true; answer = REFUSAL
        :: else -> m_streaming[me] = true; answer = OK
        fi
    :: action == MA_await_cooling -> skip
    :: action == MA_derate_to_stop -> m_streaming[me] = false; answer = IS_CONTRACTED
    :: action == MA_stop_stream -> m_streaming[me] = false; answer = OK
    :: action == MA_begin_update -> answer = OK
    :: else -> assert(false)                                      /* an action that nobody has put into this model */
    fi
}

/* The interlock, at every step: firmware_model/actions.py, `laser` and `watch_light`. */
inline shine(me) {
    found = LIT_STATE(m_state[me]) && m_phase[me] == CONTRACTED && !m_hot[me] && pin(me);
    m_unconfirmed[me] = found && (m_unconfirmed[me] || !m_lit[me]);
    m_lit[me] = found
}

inline module_row_step(me) {
    module_row(m_state[me], happening);
    refused = false;
    if
    :: action ->
        beaconed = false;
        pinged = false;
        module_action(me);
        m_state[me] = (refused -> m_state[me] : following);
        m_attach[me] = m_attach[me] && m_state[me] != M_READY && !(m_state[me] == M_CONTRACTED && m_identified[me])
    :: else -> answer = ILLEGAL
    fi;
    happening = 0
}

/* A request is carried out once, and answered as often as it comes: `RequestServer` and `_carry_out`. */
inline serve(me) {
    asked = true;
    if
    :: age == m_last[me] -> answer = m_answer[me]
    :: age > m_last[me] -> asked = false
    :: else ->
        m_last[me] = age;
        request_row(pending, m_state[me]);
        if
        :: pending == BAD_RESULT -> legal = LEGAL_TrainResult(m_state[me]); happening = MI_TRAINING_FAILED
        :: pending == TrainResult && !m_identified[me] -> happening = MI_TRAINED
        :: pending == TrainResult && m_identified[me] && m_streaming[me] -> happening = MI_TRAINED_MID_STREAM
        :: pending == TrainResult && m_identified[me] && !m_streaming[me] -> happening = MI_TRAINED_AGAIN
        :: pending == DescriptorRead -> happening = MI_DESCRIPTOR_END
        :: pending == PowerDerate -> happening = MI_DERATE_BELOW_STREAM
        :: pending == StreamStop -> happening = MI_STREAM_STOP_LAST
        :: else
        fi;
        answer = ILLEGAL;
        if
        :: legal -> module_row_step(me)
        :: else -> happening = 0
        fi;
        m_answer[me] = answer
    fi;
    pending = 0
}

inline module_frame(me) {
    if
    :: kind == Hello && !LEGAL_Hello(m_state[me]) -> skip
    :: kind == Hello && LEGAL_Hello(m_state[me]) && session == m_session[me] && m_state[me] != M_POWERED ->
        to_host(me, HelloReply)
    :: kind == Hello && LEGAL_Hello(m_state[me]) && (session != m_session[me] || m_state[me] == M_POWERED) ->
        happening = MI_HELLO
    :: kind != Hello && of_module_session(me) &&
        linked_module(me) ->
        assert(session == m_session[me]);                         /* nothing stale is taken */
        happening = (m_state[me] == M_RECOVERING -> MI_ALIVE : 0);
        pending = kind
    :: else
    fi
}

inline module_step(me) {
    asked = false;
    do
    :: happening -> module_row_step(me)
    :: !happening && (pending == Ping || pending == PING_LIGHT) ->
        m_unconfirmed[me] = m_lit[me] && pending == Ping;
        to_host(me, Pong);
        pending = 0
    :: !happening && pending && pending != Ping && pending != PING_LIGHT -> serve(me)
    :: !happening && !pending -> break
    od;
    if
    :: asked && answer && m_session[me] == h_session && h_out && age == 0 -> to_host(me, answer)
    :: asked && answer && !(m_session[me] == h_session && h_out && age == 0) -> to_host(me, Pong)
    :: else
    fi;
    shine(me);
    check(me)
}

inline feel(me, level) {
    m_hot[me] = level;
    told = false;
    happening = (level -> MI_HOT : 0);
    if
    :: level && LIT_STATE(m_state[me]) -> module_row_step(me)
    :: else
    fi;
    if
    :: !told && level -> tell(me, NOW_HOT)
    :: !level -> tell(me, COOLED)
    :: else
    fi;
    happening = 0;
    shine(me);
    check(me)
}

#define may_speak nfull(m2h)

proctype Module(byte me) {
end:
    do
    :: atomic {
        if
        :: may_speak && here(me) -> happening = MI_POWER_UP
        :: may_speak && m_booting[me] && may_now -> happening = MI_BOOTED
        :: may_speak && gone(me) && may_now -> happening = MI_REMOVED; removed = true
        :: may_speak && finished(me) -> happening = MI_STREAMS_DONE
        :: may_speak && m_unconfirmed[me] && may_light -> happening = MI_UNLIT
        :: may_speak && m_state[me] == M_TRAINING && may_light -> happening = MI_TRAINING_EXPIRED
        :: may_speak && module_silence(me) && may_silence -> happening = (m_recoveries[me] >= RECOVERIES -> MI_BROKEN : MI_SILENT)
        :: may_speak && m_attach[me] && may_watch ->
            happening = (m_hot[me] && m_state[me] == M_CONTRACTED -> MI_STILL_HOT : MI_ATTACH_EXPIRED)
        :: may_speak && !quiet && m_state[me] != M_DETACHED && m_state[me] != M_FAULT && !m_booting[me] -> happening = MI_BROKEN
        :: may_speak && snapped == me && m_state[me] != M_DETACHED && !m_booting[me] && nempty(h2m) ->
            if
            :: h2m?kind,session,age
            :: !quiet -> h2m?<kind,session,age>                   /* and once more later */
            fi;
            d_step { module_frame(me) }
        fi;
        d_step {
            module_step(me);
            assert(!removed || m_state[me] == M_DETACHED);        /* off the phone for long enough: off */
            forget()
        }
    }
    :: atomic { may_speak && beacons(me) && may_keep && !(quiet && beaconed) ->
        d_step { to_host(me, Beacon); beaconed = quiet }
    }
    :: atomic { snapped == me && (m_booting[me] || m_state[me] == M_DETACHED) && nempty(h2m) -> h2m?_,_,_ }
    :: atomic { m_state[me] == M_STREAMING && m_streaming[me] && m_lit[me] && h_streaming && in_session(me) && may_speak ->
        d_step { m_streaming[me] = false; tell(me, StreamEnded); forget() }
    }
#ifdef HEAT
    :: atomic { !quiet && !m_hot[me] && m_state[me] != M_DETACHED && may_speak -> d_step { feel(me, true); forget() } }
#endif
    :: atomic { m_hot[me] && may_speak -> d_step { feel(me, false); forget() } }
    od
}

/* --- the host --- */

/* An answer to a request that nobody waits for any more says no more than that somebody is there. */
inline retire_answers() {
    count = len(m2h);
    do
    :: count == 0 -> break
    :: count > 0 ->
        m2h?kind,session,other;
        m2h!(is_answer(kind) && session == h_session -> Pong : kind),session,other;
        count--
    od
}

/* Requests are told apart by how many were sent after them: `request_id`, without the number. */
inline age_requests() {
    count = len(h2m);
    do
    :: count == 0 -> break
    :: count > 0 ->
        h2m?kind,session,age;
        age = (session == h_session && kind != Hello && kind != Ping && kind != PING_LIGHT && age < AGE_MAX -> age + 1 : age);
        h2m!kind,session,age;
        count--
    od;
    which = 0;
    do
    :: which == 2 -> break
    :: which < 2 && m_session[which] == h_session && m_last[which] < AGE_MAX -> m_last[which] = m_last[which] + 1; which++
    :: which < 2 && !(m_session[which] == h_session && m_last[which] < AGE_MAX) -> which++
    od
}

/* A request that waits already is not put behind itself. */
inline submit(what) {
    legal = !(queue??[eval(what)]);
    if
    :: legal -> assert(len(queue) < QUEUE); queue!what
    :: else
    fi
}

/* One request at a time. */
inline pump() {
    if
    :: !h_out && len(queue) ->
        queue?h_out;
        h_resent = false;
        age_requests();
        to_module(h_out, 0)
    :: else
    fi
}

inline drop_requests() {
    h_out = 0;
    do
    :: len(queue) -> queue?_
    :: else -> break
    od;
    h_resent = false;
    retire_answers()
}

inline end_host_session() {
    drop_requests();
    h_session = 0;
    h_peer = NOBODY;
    h_rail = (h_rail > 1 -> 1 : h_rail);
    h_hello = false;
    h_attach = false;
    h_ramp = false;
    h_training = false;
    h_descriptor = false;
    h_streaming = false;
    h_unheard = false
}

/* A session that nobody and nothing remembers: 32 random bits. */
inline draw_session() {
    fresh = 1;
    do
    :: fresh == m_session[0] || fresh == m_session[1] || h2m??[_,eval(fresh),_] || m2h??[_,eval(fresh),_] -> fresh++
    :: else -> break
    od;
    assert(fresh < SESSIONS);
    h_session = fresh
}

#define ends_session (action == HA_detach || action == HA_greet || action == HA_greet_again || action == HA_end_refused || \
    action == HA_latch || action == HA_report_refusal || action == HA_await_restart || action == HA_give_up)

inline host_action() {
    wish = 0;
    if
    :: ends_session -> end_host_session()
    :: else
    fi;
    if
    :: action == HA_nothing || action == HA_leave || action == HA_follow_stream -> skip
    :: action == HA_await_restart || action == HA_give_up -> skip
    :: action == HA_debounce -> h_spoken = false
    :: action == HA_power_up -> h_rail = 1; pending = (h_spoken -> Beacon : 0); h_spoken = false
    :: action == HA_refuse_short || action == HA_report_no_device || action == HA_end_refused || action == HA_latch ||
        action == HA_report_refusal -> h_rail = 0
    :: action == HA_detach -> h_recoveries = 0; h_rail = 0; before = NOBODY
    :: action == HA_greet || action == HA_greet_again ->
        draw_session();
        h_hello = true;
        h_attach = true;
        to_module(Hello, 0)
    :: action == HA_offer_power -> h_hello = false; h_resent = false; h_peer = other; wish = PowerCapabilities
    :: action == HA_accept_power -> wish = PowerAccept
    :: action == HA_reject_power -> wish = PowerReject
    :: action == HA_raise_rail -> h_rail = 2; h_ramp = true
    :: action == HA_report_rail -> wish = PowerReady
    :: action == HA_train || action == HA_lose_light -> h_attach = true; h_training = false; wish = Train
    :: action == HA_train_again -> h_training = false; wish = Train
    :: action == HA_await_light -> h_training = true
    :: action == HA_report_training -> wish = (luck -> BAD_RESULT : TrainResult)
    :: action == HA_identify -> h_training = false; wish = DescriptorRead
    :: action == HA_take_last_part -> h_descriptor = true; h_attach = false
    :: action == HA_resume -> h_attach = false; h_training = false; wish = (h_unheard -> StreamStop : 0); h_unheard = false
    :: action == HA_lose_to_heat -> h_attach = false; h_training = false
    :: action == HA_await_cooling ->
        h_attach = false;
        wish = (kind == ILLEGAL -> Reset : 0);
        h_recoveries = (wish && h_recoveries < RECOVERIES -> h_recoveries + 1 : h_recoveries)
    :: action == HA_lose_power -> h_rail = 1; h_streaming = false
    :: action == HA_recover ->
        h_recoveries = (h_recoveries < RECOVERIES -> h_recoveries + 1 : h_recoveries);
        legal = !(queue??[StreamStart]);
        h_unheard = h_unheard || h_out == StreamStart || !legal;
        drop_requests();
        h_training = false;
        h_ramp = false;
        h_attach = true;
        to_module(Ping, 0)
    :: else -> assert(false)                                      /* an action that nobody has put into this model */
    fi;
    if
    :: wish -> submit(wish)
    :: else
    fi
}

inline host_row_step() {
    host_row(h_state, happening);
    happening = 0;
    if
    :: action ->
        beaconed = false;
        pinged = false;
        instead = 0;
        host_action();
        h_state = following
    :: !action && instead -> happening = instead; instead = 0
    :: else
    fi
}

/* What an answer means: `_follow`, `_refused` and `_input_of` of host_driver/machine.py. */
inline follow() {
    answer = h_out;
    h_out = 0;
    h_resent = false;
    age = kind;
    retire_answers();
    kind = age;
    if
    :: kind >= TOO_HOT ->
        if
        :: answer == TrainResult || answer == BAD_RESULT -> happening = HI_TRAINING_FAILED
        :: answer == PowerCapabilities || answer == PowerAccept || answer == PowerReady || answer == Train ||
            answer == DescriptorRead && h_state != H_CONTRACTED ->
            happening = (kind == ILLEGAL && h_recoveries >= RECOVERIES -> HI_BROKEN : HI_REFUSED)
        :: else
        fi
    :: kind < TOO_HOT && answer == PowerCapabilities -> happening = (luck -> HI_POWER_TOO_MUCH : HI_POWER_REQUEST)
    :: kind == IS_DEFAULT -> happening = HI_POWER_ENDED
    :: kind == IS_REFUSED -> happening = HI_POWER_REFUSED
    :: kind == IS_ACCEPTED -> happening = HI_POWER_ACCEPTED
    :: kind == IS_CONTRACTED -> happening = HI_POWER_CONTRACTED
    :: kind < TOO_HOT && answer == Train -> happening = HI_TRAIN_STARTED
    :: kind < TOO_HOT && answer == BAD_RESULT -> happening = HI_TRAINING_FAILED
    :: kind < TOO_HOT && answer == TrainResult ->
        happening = (h_descriptor -> (kind == RESUMED -> HI_TRAINED_MID_STREAM : HI_TRAINED_AGAIN) : HI_TRAINED)
    :: kind < TOO_HOT && answer == DescriptorRead && h_state == H_IDENTIFYING -> happening = HI_DESCRIPTOR_END
    :: kind < TOO_HOT && answer == StreamStart -> h_streaming = true; happening = HI_STREAM_STARTED
    :: kind < TOO_HOT && answer == StreamStop -> h_streaming = false
    :: kind < TOO_HOT && answer == UpdateBegin -> happening = HI_UPDATE_BEGUN
    :: kind < TOO_HOT && (answer == UpdateEnd || answer == Reset) -> happening = HI_RESTARTING
    :: else
    fi
}

/* The first word; in the middle of a session it means that the module restarted. */
inline host_beacon() {
    if
    :: h_state == H_SEATING -> h_spoken = true
    :: h_state != H_SEATING && (kind == BEACON_RECOVERING && h_session || !LEGAL_Beacon(h_state)) -> skip
    :: h_state != H_SEATING && kind == BEACON_FAULT && LEGAL_Beacon(h_state) -> happening = HI_BROKEN
    :: else -> happening = HI_FIRST_WORD; instead = HI_RESTARTED
    fi
}

inline host_event() {
    if
    :: kind == StreamEnded -> h_streaming = false
    :: kind == DARK -> happening = HI_DARK
    :: kind == DARK_HOT || kind == NOW_HOT -> happening = HI_HOT
    :: kind == COOLED -> happening = HI_COOLED
    :: kind == FaultEvent -> happening = HI_BROKEN
    :: else
    fi
}

/* What comes from the module: `_handle`. That somebody is there comes first, and then what was said. */
inline host_frame() {
    if
    :: kind == Beacon || kind == BEACON_FAULT || kind == BEACON_RECOVERING -> host_beacon()
    :: kind != Beacon && kind != BEACON_FAULT && kind != BEACON_RECOVERING && of_host_session && linked_host ->
        assert(session == h_session);                             /* nothing stale is taken, */
        assert(h_peer == NOBODY || h_peer == other);              /* nothing from another module */
        happening = HI_ALIVE;
        pending = kind
    :: else
    fi
}

inline host_message() {
    kind = pending;
    pending = 0;
    if
    :: kind == Beacon -> happening = HI_FIRST_WORD
    :: kind == HelloReply -> happening = HI_HELLO_REPLY
    :: is_answer(kind) && h_out -> follow()
    :: else -> host_event()
    fi
}

inline host_step() {
    do
    :: happening -> host_row_step()
    :: !happening && pending -> host_message()
    :: !happening && !pending -> break
    od;
    pump();
    check(0);
    check(1)
}

#define user_idle (!quiet && !h_out && empty(queue))

proctype Host() {
end:
    do
    :: atomic {
        if
        :: h_state == H_ABSENT && snapped != NOBODY -> happening = HI_CONTACT
        :: h_state == H_SEATING && snapped == NOBODY -> happening = HI_REMOVED
        :: h_state != H_ABSENT && h_state != H_SEATING && snapped == NOBODY && may_now -> happening = HI_REMOVED; removed = true
        :: h_state == H_SEATING && snapped != NOBODY && may_now -> happening = HI_SEATED
        :: h_state == H_SEATING && !quiet -> happening = HI_SHORTED
        :: h_state == H_POWERED && may_watch -> happening = HI_NO_DEVICE
        :: h_ramp && may_now -> h_ramp = false; happening = HI_RAIL_UP
        :: h_training && may_now -> h_training = false; happening = HI_MEASURED; luck = !(shines && h_light)
        :: h_training && !quiet -> h_training = false; happening = HI_MEASURED; luck = true
        :: h_state == H_STREAMING && !h_streaming -> happening = HI_STREAMS_DONE
        :: host_silence && may_silence -> happening = (h_recoveries >= RECOVERIES -> HI_BROKEN : HI_SILENT)
        :: h_attach && may_watch -> h_attach = false; happening = HI_ATTACH_EXPIRED
        :: h_out && may_now && (!quiet || h_resent) ->            /* never answered: given up */
            h_unheard = h_unheard || h_out == StreamStart;
            happening = (h_recoveries >= RECOVERIES -> HI_BROKEN : HI_SILENT);
            h_out = 0;
            h_resent = false;
            d_step { retire_answers(); skip }
        :: m2h?kind,session,other -> d_step { host_frame() }
        :: !quiet && h_out == PowerCapabilities && nempty(m2h) -> m2h?kind,session,other; luck = true; d_step { host_frame() }
        :: (user_idle || quiet && may_user) && h_state == H_GREETED && !h_hello && !h_out && empty(queue) ->
            queue!PowerCapabilities;
            h_state = H_NEGOTIATING
        :: (user_idle || quiet && may_user && together) && h_state == H_UPDATING && !h_out -> queue!UpdateEnd
#ifdef USER
        :: user_idle && LEGAL_StreamStart(h_state) -> queue!StreamStart
        :: user_idle && LEGAL_StreamStop(h_state) && h_streaming -> queue!StreamStop
        :: user_idle && LEGAL_PowerRevoke(h_state) -> queue!PowerRevoke
        :: user_idle && LEGAL_PowerDerate(h_state) -> queue!PowerDerate
#endif
#ifdef RESTARTS
        :: user_idle && LEGAL_UpdateBegin(h_state) -> queue!UpdateBegin
        :: user_idle && linked_host && h_state != H_GREETED -> queue!Reset
#endif
        fi;
        d_step {
            host_step();
            assert(!removed || h_state == H_ABSENT);              /* off the phone for long enough: forgotten */
            forget()
        }
    }
    /* not answered: sent again */
    :: atomic { h_hello && may_now && !(quiet && h_resent) -> d_step { h_resent = quiet; to_module(Hello, 0) } }
    :: atomic { h_out && may_now && !(quiet && h_resent) -> d_step { h_resent = quiet; to_module(h_out, 0) } }
    /* keep-alive, and the word on the light */
    :: atomic { !quiet && linked_host && h_session && !h_hello && empty(h2m) ->
        d_step { to_module((h_light -> PING_LIGHT : Ping), 0) }
    }
    :: atomic { quiet && calm && unsaid -> d_step { to_module(PING_LIGHT, 0) } }
    :: atomic { quiet && may_keep && ping_timer -> d_step { to_module((h_light -> PING_LIGHT : Ping), 0); pinged = true } }
    :: atomic { h_light != shines || !quiet && h_light ->
        d_step {
            h_light = !h_light;
            if
            :: h_session && h_state != H_GREETED -> to_module((h_light -> PING_LIGHT : Ping), 0)
            :: else
            fi
        }
    }
    od
}

/* --- the world --- */

inline snap(who) {
    before = (h_state == H_ABSENT || h_state == H_SEATING -> NOBODY : snapped);
    snapped = who;
    shine(0);
    shine(1);
    check(0);
    check(1);
    forget()
}

/* Another module can only be snapped on when the one before is off, and the host knows: both debounces are shorter
   than a module takes to boot. The same one may come back at any time. */
#define free(who) (snapped == NOBODY && (before == NOBODY || before == who) && m_state[1 - who] == M_DETACHED)

proctype World() {
end:
    do
    :: atomic { free(0) && (!quiet || calm && !short_timers) -> d_step { snap(0) } }
    :: atomic { free(1) && !quiet -> d_step { snap(1) } }
    :: atomic { snapped != NOBODY && (!quiet || may_user && h_state == H_FAULT) -> d_step { snap(NOBODY) } }
    :: atomic { nempty(h2m) && (!quiet || snapped == NOBODY) -> h2m?_,_,_ }
    :: atomic { !quiet && nempty(m2h) ->
        m2h?kind,session,other;
        d_step {
            if
            :: is_event(kind) -> m2h!kind,session,other           /* events are sent until they are acknowledged */
            :: else
            fi;
            forget()
        }
    }
#ifdef REORDER
    :: atomic { !quiet && len(h2m) > 1 -> d_step { h2m?kind,session,age; h2m!kind,session,age; forget() } }
#endif
    :: atomic { !quiet -> quiet = true }
    /* Nothing can happen any more: then all is well. */
    :: atomic { timeout -> assert(quiet && linked); goto done }
    od;
done:
    skip
}

init {
    atomic { run Module(0); run Module(1); run Host(); run World() }
}

ltl recovery { [] (quiet -> <> linked) }
