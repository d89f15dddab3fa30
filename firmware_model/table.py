"""The module's state machine, as data: (state, input) -> (action, next state).

The rules:

1. One row, one line. `action` names the method `do_<action>` of `actions.py`, which is called before the
   state changes; when it raises a RemoteProtocolError, the state stays, and the peer gets the error.
2. A missing row is illegal. If the input is a message, its sender gets ILLEGAL_IN_STATE; if it is a timer
   or something physical, it has no effect.
3. Only what may change the state, or depends on it in more than legality, is an input. Messages that are
   merely answered (ping, echo, controls, ...) stand in `machine.SERVICES`; when each is legal stands in
   `protocol/catalogue.py`, which a test holds against this table.
4. Removal has a row in every state.
"""

from enum import Enum, auto

from laserlink.protocol.states import ModuleState as S


class Input(Enum):
    """What can happen to a module."""

    __hash__ = object.__hash__  # each look at a table asks: Enum's own is a call of Python

    # The world
    POWER_UP = auto()
    REMOVED = auto()
    HOT = auto()
    BROKEN = auto()
    # Its own timers and bookkeeping
    BOOTED = auto()
    ATTACH_EXPIRED = auto()
    STILL_HOT = auto()
    SILENT = auto()
    ALIVE = auto()
    UNLIT = auto()
    TRAINING_EXPIRED = auto()
    STREAMS_DONE = auto()
    # Messages; some are two inputs, for what they mean depends on more than their type
    HELLO = auto()
    RESET = auto()
    CAPABILITIES = auto()
    ACCEPT = auto()
    REJECT = auto()
    WAIT = auto()
    POWER_READY = auto()
    DERATE = auto()
    DERATE_BELOW_STREAM = auto()
    REVOKE = auto()
    TRAIN = auto()
    TRAINED = auto()
    TRAINED_AGAIN = auto()
    TRAINED_MID_STREAM = auto()
    TRAINING_FAILED = auto()
    DESCRIPTOR_READ = auto()
    DESCRIPTOR_END = auto()
    STREAM_START = auto()
    STREAM_STOP = auto()
    STREAM_STOP_LAST = auto()
    UPDATE_BEGIN = auto()
    UPDATE_DATA = auto()
    UPDATE_END = auto()


I = Input

TABLE: dict[tuple[S, Input], tuple[str, S]] = {
    (S.DETACHED, I.POWER_UP): ("boot", S.POWERED),
    (S.DETACHED, I.REMOVED): ("nothing", S.DETACHED),
    #
    (S.POWERED, I.BOOTED): ("begin_beacons", S.POWERED),
    (S.POWERED, I.HELLO): ("greet", S.GREETED),
    (S.POWERED, I.BROKEN): ("latch", S.FAULT),
    (S.POWERED, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.GREETED, I.HELLO): ("greet", S.GREETED),
    (S.GREETED, I.CAPABILITIES): ("request_power", S.NEGOTIATING),
    (S.GREETED, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.GREETED, I.SILENT): ("give_up", S.POWERED),
    (S.GREETED, I.RESET): ("restart", S.POWERED),
    (S.GREETED, I.BROKEN): ("latch", S.FAULT),
    (S.GREETED, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.NEGOTIATING, I.HELLO): ("greet", S.GREETED),
    (S.NEGOTIATING, I.CAPABILITIES): ("request_power", S.NEGOTIATING),
    (S.NEGOTIATING, I.ACCEPT): ("accept_power", S.NEGOTIATING),
    (S.NEGOTIATING, I.REJECT): ("refuse_power", S.GREETED),
    (S.NEGOTIATING, I.WAIT): ("wait_for_power", S.GREETED),
    (S.NEGOTIATING, I.POWER_READY): ("begin_contract", S.CONTRACTED),
    (S.NEGOTIATING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.NEGOTIATING, I.SILENT): ("give_up", S.POWERED),
    (S.NEGOTIATING, I.RESET): ("restart", S.POWERED),
    (S.NEGOTIATING, I.BROKEN): ("latch", S.FAULT),
    (S.NEGOTIATING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.CONTRACTED, I.HELLO): ("greet", S.GREETED),
    (S.CONTRACTED, I.CAPABILITIES): ("request_power", S.NEGOTIATING),
    (S.CONTRACTED, I.TRAIN): ("begin_training", S.TRAINING),
    (S.CONTRACTED, I.DERATE): ("derate", S.CONTRACTED),
    (S.CONTRACTED, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.CONTRACTED),
    (S.CONTRACTED, I.REVOKE): ("revoke", S.GREETED),
    (S.CONTRACTED, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.CONTRACTED, I.STILL_HOT): ("await_cooling", S.CONTRACTED),
    (S.CONTRACTED, I.SILENT): ("recover", S.RECOVERING),
    (S.CONTRACTED, I.RESET): ("restart", S.POWERED),
    (S.CONTRACTED, I.BROKEN): ("latch", S.FAULT),
    (S.CONTRACTED, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.TRAINING, I.HELLO): ("greet", S.GREETED),
    (S.TRAINING, I.TRAIN): ("begin_training", S.TRAINING),
    (S.TRAINING, I.TRAINED): ("end_training", S.IDENTIFYING),
    (S.TRAINING, I.TRAINED_AGAIN): ("end_training", S.READY),
    (S.TRAINING, I.TRAINED_MID_STREAM): ("resume_streams", S.STREAMING),
    (S.TRAINING, I.TRAINING_FAILED): ("fail_training", S.CONTRACTED),
    (S.TRAINING, I.TRAINING_EXPIRED): ("darken_untrained", S.CONTRACTED),
    (S.TRAINING, I.UNLIT): ("darken_unlit", S.CONTRACTED),
    (S.TRAINING, I.HOT): ("darken_hot", S.CONTRACTED),
    (S.TRAINING, I.DERATE): ("derate", S.TRAINING),
    (S.TRAINING, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.TRAINING),
    (S.TRAINING, I.REVOKE): ("revoke", S.GREETED),
    (S.TRAINING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.TRAINING, I.SILENT): ("recover", S.RECOVERING),
    (S.TRAINING, I.RESET): ("restart", S.POWERED),
    (S.TRAINING, I.BROKEN): ("latch", S.FAULT),
    (S.TRAINING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.IDENTIFYING, I.HELLO): ("greet", S.GREETED),
    (S.IDENTIFYING, I.TRAIN): ("begin_training", S.TRAINING),
    (S.IDENTIFYING, I.DESCRIPTOR_READ): ("send_descriptor", S.IDENTIFYING),
    (S.IDENTIFYING, I.DESCRIPTOR_END): ("end_identifying", S.READY),
    (S.IDENTIFYING, I.UNLIT): ("darken_unlit", S.CONTRACTED),
    (S.IDENTIFYING, I.HOT): ("darken_hot", S.CONTRACTED),
    (S.IDENTIFYING, I.DERATE): ("derate", S.IDENTIFYING),
    (S.IDENTIFYING, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.IDENTIFYING),
    (S.IDENTIFYING, I.REVOKE): ("revoke", S.GREETED),
    (S.IDENTIFYING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.IDENTIFYING, I.SILENT): ("recover", S.RECOVERING),
    (S.IDENTIFYING, I.RESET): ("restart", S.POWERED),
    (S.IDENTIFYING, I.BROKEN): ("latch", S.FAULT),
    (S.IDENTIFYING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.READY, I.HELLO): ("greet", S.GREETED),
    (S.READY, I.TRAIN): ("begin_training", S.TRAINING),
    (S.READY, I.DESCRIPTOR_READ): ("send_descriptor", S.READY),
    (S.READY, I.DESCRIPTOR_END): ("send_descriptor", S.READY),
    (S.READY, I.STREAM_START): ("start_stream", S.STREAMING),
    (S.READY, I.STREAM_STOP_LAST): ("stop_stream", S.READY),
    (S.READY, I.UPDATE_BEGIN): ("begin_update", S.UPDATING),
    (S.READY, I.UNLIT): ("darken_unlit", S.CONTRACTED),
    (S.READY, I.HOT): ("darken_hot", S.CONTRACTED),
    (S.READY, I.DERATE): ("derate", S.READY),
    (S.READY, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.READY),
    (S.READY, I.REVOKE): ("revoke", S.GREETED),
    (S.READY, I.SILENT): ("recover", S.RECOVERING),
    (S.READY, I.RESET): ("restart", S.POWERED),
    (S.READY, I.BROKEN): ("latch", S.FAULT),
    (S.READY, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.STREAMING, I.HELLO): ("greet", S.GREETED),
    (S.STREAMING, I.TRAIN): ("begin_training", S.TRAINING),
    (S.STREAMING, I.DESCRIPTOR_READ): ("send_descriptor", S.STREAMING),
    (S.STREAMING, I.DESCRIPTOR_END): ("send_descriptor", S.STREAMING),
    (S.STREAMING, I.STREAM_START): ("start_stream", S.STREAMING),
    (S.STREAMING, I.STREAM_STOP): ("stop_stream", S.STREAMING),
    (S.STREAMING, I.STREAM_STOP_LAST): ("stop_stream", S.READY),
    (S.STREAMING, I.STREAMS_DONE): ("nothing", S.READY),
    (S.STREAMING, I.UNLIT): ("darken_unlit", S.CONTRACTED),
    (S.STREAMING, I.HOT): ("darken_hot", S.CONTRACTED),
    (S.STREAMING, I.DERATE): ("derate", S.STREAMING),
    (S.STREAMING, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.READY),
    (S.STREAMING, I.REVOKE): ("revoke", S.GREETED),
    (S.STREAMING, I.SILENT): ("recover", S.RECOVERING),
    (S.STREAMING, I.RESET): ("restart", S.POWERED),
    (S.STREAMING, I.BROKEN): ("latch", S.FAULT),
    (S.STREAMING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.UPDATING, I.HELLO): ("greet", S.GREETED),
    (S.UPDATING, I.UPDATE_DATA): ("take_update", S.UPDATING),
    (S.UPDATING, I.UPDATE_END): ("end_update", S.POWERED),
    (S.UPDATING, I.DERATE): ("derate", S.UPDATING),
    (S.UPDATING, I.DERATE_BELOW_STREAM): ("derate_to_stop", S.UPDATING),
    (S.UPDATING, I.REVOKE): ("revoke", S.GREETED),
    (S.UPDATING, I.SILENT): ("recover", S.RECOVERING),
    (S.UPDATING, I.RESET): ("restart", S.POWERED),
    (S.UPDATING, I.BROKEN): ("latch", S.FAULT),
    (S.UPDATING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.RECOVERING, I.HELLO): ("greet", S.GREETED),
    (S.RECOVERING, I.ALIVE): ("resume_contact", S.CONTRACTED),
    (S.RECOVERING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.RECOVERING, I.RESET): ("restart", S.POWERED),
    (S.RECOVERING, I.BROKEN): ("latch", S.FAULT),
    (S.RECOVERING, I.REMOVED): ("forget", S.DETACHED),
    #
    (S.FAULT, I.REMOVED): ("forget", S.DETACHED),
}
