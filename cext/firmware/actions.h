/* What the module does on each row of the transitions, and the messages that are answered without one. */
#ifndef LASERLINK_ACTIONS_H
#define LASERLINK_ACTIONS_H

#include "link.h"

/* A reply in the making: its payload, in `module->answer`. */
struct ll_answer {
    uint8_t type;
    size_t size;
    uint8_t *payload;
};

/* An action runs before the state changes. When it refuses, nothing has changed. `frame` is the message, and NULL
 * for what is none; `answer` is for requests. */
typedef uint8_t (*ll_action_fn)(struct ll_module *module, const struct ll_frame *frame,
                                          struct ll_answer *answer);

/* By ll_action; NULL for those that no input of this firmware leads to (updates). */
extern const ll_action_fn ll_actions[LL_ACTIONS];

/* Actions that stand with the services. */
uint8_t ll_do_send_descriptor(struct ll_module *, const struct ll_frame *, struct ll_answer *);
uint8_t ll_do_start_stream(struct ll_module *, const struct ll_frame *, struct ll_answer *);
uint8_t ll_do_stop_stream(struct ll_module *, const struct ll_frame *, struct ll_answer *);

/* What carries out a message that changes no state; NULL when the message is an input of the machine instead. */
ll_action_fn ll_service_of(uint8_t type);

/* Everything that power-off forgets, and everything that a new session forgets. */
void ll_renew(struct ll_module *module);
void ll_renew_session(struct ll_module *module);
/* A timer goes off after a while, or not at all. */
void ll_arm(struct ll_module *module, enum ll_timer timer, uint32_t after_ms);
void ll_cancel(struct ll_module *module, enum ll_timer timer);
void ll_send_beacon(struct ll_module *module);
/* A keep-alive came; light that it does not confirm goes out. */
void ll_hear_ping(struct ll_module *module, bool sees_light);
uint32_t ll_uptime_ms(const struct ll_module *module);
/* The laser went on: somebody must confirm it soon. It went off: nobody need. */
void ll_watch_light(struct ll_module *module);
bool ll_too_many_recoveries(const struct ll_module *module);
/* Whether the part of the descriptor at `offset` reaches the end. */
bool ll_is_descriptor_end(const struct ll_module *module, uint16_t offset);

#endif
