/* What a module is: written once by who builds it, constant from then on. */
#ifndef LASERLINK_FACTS_H
#define LASERLINK_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "laserlink_wire.h"

/* Ids of controls that this firmware knows by itself; a module may have any others, and need have none. */
enum ll_known_control { LL_CONTROL_EXPOSURE_TIME = 1, LL_CONTROL_SENSOR_TEMPERATURE = 5 };

/* The value of a control: which member holds it, its ll_value_type says. A bool is an integer of 0 or 1. A
 * module of this firmware has no rectangles: they are a feature of hello that it does not offer. */
union ll_value {
    int64_t integer;
    double real;
    uint64_t bits;
};

struct ll_control {
    uint16_t id;
    uint8_t type; /* ll_value_type */
    bool read_only;
    const char *name, *unit; /* libcamera's */
    union ll_value minimum, maximum, initial;
};

struct ll_lane {
    uint8_t id, kind, direction, coding;
    uint64_t rate_bps; /* 0 where a line has none */
    uint32_t latency_us;
};

struct ll_mode {
    uint8_t id, binning, default_bits;
    const char *name;
    uint16_t width, height;
    uint32_t formats; /* bit n set: RAWn */
    uint32_t interval_us, readout_us;
};

struct ll_noise {
    uint32_t formats, gain_from_milli, full_scale_e, read_noise_me;
};

/* XYZ to camera at D65, the camera's response to D65 white, XYZ to camera at illuminant A; none where it is unknown. */
enum ll_colour_kind { LL_COLOUR_MATRIX, LL_COLOUR_NEUTRAL, LL_COLOUR_MATRIX_A, LL_COLOURS };

struct ll_colour {
    const int32_t *values; /* 1/10000 */
    uint8_t count;
};

struct ll_facts {
    uint64_t module_id;
    const char *vendor, *product, *serial, *firmware;
    uint8_t cfa[4];
    uint16_t pixel_pitch_nm, f_number_centi;
    uint32_t focal_length_um;
    struct ll_colour colours[LL_COLOURS];
    uint16_t black_dn16, white_dn16; /* as of 16 bits */
    uint16_t rail_mv, idle_ma, sensor_on_ma, laser_ma, reserve_ma;
    uint16_t readout_ma_per_gbps;
    uint16_t boot_ms, sensor_power_up_ms;
    const struct ll_lane *lanes; /* the sideband, then the optical one if there is one */
    const struct ll_mode *modes;
    const struct ll_noise *noise;
    const struct ll_control *controls; /* by rising id */
    uint8_t lane_count, mode_count, noise_count, control_count;
};

#endif
