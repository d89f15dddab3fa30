"""The host's state machine, as data: (state, input) -> (action, next state).

The rules are the module's (`firmware_model/table.py`): one row, one line; `action` names the method
`do_<action>` of `actions.py`, which is called before the state changes; a missing row is illegal, and has no
effect (a message whose arrival is illegal was refused before, by `protocol/catalogue.py`); removal has a row
in every state.
"""

from enum import Enum, auto

from laserlink.protocol.states import HostState as S


class Input(Enum):
    """What can happen to a host."""

    __hash__ = object.__hash__  # each look at a table asks: Enum's own is a call of Python

    # The world
    CONTACT = auto()
    REMOVED = auto()
    SHORTED = auto()
    # Its own timers and bookkeeping
    SEATED = auto()
    NO_DEVICE = auto()
    ATTACH_EXPIRED = auto()
    RAIL_UP = auto()
    MEASURED = auto()
    SILENT = auto()
    ALIVE = auto()
    REFUSED = auto()
    BROKEN = auto()
    STREAMS_DONE = auto()
    # Messages; some are two inputs, for what they mean depends on more than their type
    FIRST_WORD = auto()
    HELLO_REPLY = auto()
    POWER_REQUEST = auto()
    POWER_TOO_MUCH = auto()
    POWER_REFUSED = auto()
    POWER_ACCEPTED = auto()
    POWER_CONTRACTED = auto()
    POWER_ENDED = auto()
    TRAIN_STARTED = auto()
    TRAINED = auto()
    TRAINED_AGAIN = auto()
    TRAINED_MID_STREAM = auto()
    TRAINING_FAILED = auto()
    DESCRIPTOR_PART = auto()
    DESCRIPTOR_END = auto()
    STREAM_STARTED = auto()
    UPDATE_BEGUN = auto()
    RESTARTING = auto()
    RESTARTED = auto()
    DARK = auto()
    HOT = auto()
    COOLED = auto()


I = Input

TABLE: dict[tuple[S, Input], tuple[str, S]] = {
    (S.ABSENT, I.CONTACT): ("debounce", S.SEATING),
    (S.ABSENT, I.REMOVED): ("nothing", S.ABSENT),
    #
    (S.SEATING, I.SEATED): ("power_up", S.POWERED),
    (S.SEATING, I.SHORTED): ("refuse_short", S.FAULT),
    (S.SEATING, I.REMOVED): ("leave", S.ABSENT),
    #
    (S.POWERED, I.FIRST_WORD): ("greet", S.GREETED),
    (S.POWERED, I.NO_DEVICE): ("report_no_device", S.FAULT),
    (S.POWERED, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.GREETED, I.HELLO_REPLY): ("offer_power", S.NEGOTIATING),
    (S.GREETED, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.GREETED, I.SILENT): ("give_up", S.POWERED),
    (S.GREETED, I.BROKEN): ("latch", S.FAULT),
    (S.GREETED, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.NEGOTIATING, I.POWER_REQUEST): ("accept_power", S.NEGOTIATING),
    (S.NEGOTIATING, I.POWER_TOO_MUCH): ("reject_power", S.NEGOTIATING),
    (S.NEGOTIATING, I.POWER_REFUSED): ("end_refused", S.FAULT),
    (S.NEGOTIATING, I.POWER_ACCEPTED): ("raise_rail", S.NEGOTIATING),
    (S.NEGOTIATING, I.RAIL_UP): ("report_rail", S.NEGOTIATING),
    (S.NEGOTIATING, I.POWER_CONTRACTED): ("train", S.CONTRACTED),
    (S.NEGOTIATING, I.REFUSED): ("report_refusal", S.FAULT),
    (S.NEGOTIATING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.NEGOTIATING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.NEGOTIATING, I.SILENT): ("give_up", S.POWERED),
    (S.NEGOTIATING, I.BROKEN): ("latch", S.FAULT),
    (S.NEGOTIATING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.CONTRACTED, I.TRAIN_STARTED): ("await_light", S.TRAINING),
    (S.CONTRACTED, I.REFUSED): ("await_cooling", S.CONTRACTED),
    (S.CONTRACTED, I.COOLED): ("train", S.CONTRACTED),
    (S.CONTRACTED, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.CONTRACTED, I.RESTARTED): ("greet_again", S.GREETED),
    (S.CONTRACTED, I.RESTARTING): ("await_restart", S.POWERED),
    (S.CONTRACTED, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.CONTRACTED, I.SILENT): ("recover", S.RECOVERING),
    (S.CONTRACTED, I.BROKEN): ("latch", S.FAULT),
    (S.CONTRACTED, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.TRAINING, I.MEASURED): ("report_training", S.TRAINING),
    (S.TRAINING, I.TRAINED): ("identify", S.IDENTIFYING),
    (S.TRAINING, I.TRAINED_AGAIN): ("resume", S.READY),
    (S.TRAINING, I.TRAINED_MID_STREAM): ("resume", S.STREAMING),
    (S.TRAINING, I.TRAINING_FAILED): ("train_again", S.CONTRACTED),
    (S.TRAINING, I.REFUSED): ("train_again", S.CONTRACTED),
    (S.TRAINING, I.DARK): ("train_again", S.CONTRACTED),
    (S.TRAINING, I.HOT): ("lose_to_heat", S.CONTRACTED),
    (S.TRAINING, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.TRAINING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.TRAINING, I.RESTARTING): ("await_restart", S.POWERED),
    (S.TRAINING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.TRAINING, I.SILENT): ("recover", S.RECOVERING),
    (S.TRAINING, I.BROKEN): ("latch", S.FAULT),
    (S.TRAINING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.IDENTIFYING, I.DESCRIPTOR_PART): ("take_part", S.IDENTIFYING),
    (S.IDENTIFYING, I.DESCRIPTOR_END): ("take_last_part", S.READY),
    (S.IDENTIFYING, I.REFUSED): ("report_refusal", S.FAULT),
    (S.IDENTIFYING, I.TRAIN_STARTED): ("await_light", S.TRAINING),
    (S.IDENTIFYING, I.DARK): ("lose_light", S.CONTRACTED),
    (S.IDENTIFYING, I.HOT): ("lose_to_heat", S.CONTRACTED),
    (S.IDENTIFYING, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.IDENTIFYING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.IDENTIFYING, I.RESTARTING): ("await_restart", S.POWERED),
    (S.IDENTIFYING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.IDENTIFYING, I.SILENT): ("recover", S.RECOVERING),
    (S.IDENTIFYING, I.BROKEN): ("latch", S.FAULT),
    (S.IDENTIFYING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.READY, I.STREAM_STARTED): ("follow_stream", S.STREAMING),
    (S.READY, I.UPDATE_BEGUN): ("nothing", S.UPDATING),
    (S.READY, I.TRAIN_STARTED): ("await_light", S.TRAINING),
    (S.READY, I.DARK): ("lose_light", S.CONTRACTED),
    (S.READY, I.HOT): ("lose_to_heat", S.CONTRACTED),
    (S.READY, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.READY, I.RESTARTED): ("greet_again", S.GREETED),
    (S.READY, I.RESTARTING): ("await_restart", S.POWERED),
    (S.READY, I.SILENT): ("recover", S.RECOVERING),
    (S.READY, I.BROKEN): ("latch", S.FAULT),
    (S.READY, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.STREAMING, I.STREAM_STARTED): ("follow_stream", S.STREAMING),
    (S.STREAMING, I.STREAMS_DONE): ("nothing", S.READY),
    (S.STREAMING, I.TRAIN_STARTED): ("await_light", S.TRAINING),
    (S.STREAMING, I.DARK): ("lose_light", S.CONTRACTED),
    (S.STREAMING, I.HOT): ("lose_to_heat", S.CONTRACTED),
    (S.STREAMING, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.STREAMING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.STREAMING, I.RESTARTING): ("await_restart", S.POWERED),
    (S.STREAMING, I.SILENT): ("recover", S.RECOVERING),
    (S.STREAMING, I.BROKEN): ("latch", S.FAULT),
    (S.STREAMING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.UPDATING, I.RESTARTING): ("await_restart", S.POWERED),
    (S.UPDATING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.UPDATING, I.DARK): ("lose_light", S.CONTRACTED),
    (S.UPDATING, I.POWER_ENDED): ("lose_power", S.GREETED),
    (S.UPDATING, I.SILENT): ("recover", S.RECOVERING),
    (S.UPDATING, I.BROKEN): ("latch", S.FAULT),
    (S.UPDATING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.RECOVERING, I.ALIVE): ("train", S.CONTRACTED),
    (S.RECOVERING, I.RESTARTED): ("greet_again", S.GREETED),
    (S.RECOVERING, I.ATTACH_EXPIRED): ("give_up", S.POWERED),
    (S.RECOVERING, I.BROKEN): ("latch", S.FAULT),
    (S.RECOVERING, I.REMOVED): ("detach", S.ABSENT),
    #
    (S.FAULT, I.REMOVED): ("detach", S.ABSENT),
}
