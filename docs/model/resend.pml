/*
 * Images, credit and resend over a channel that loses, repeats and reorders. docs/model/README.md says what is in and
 * what is not. The window and the number of tries come from tables.pml, which is generated.
 *
 * Defines:  CHUNKS, IMAGES   chunks of an image (a window holds WINDOW images of them), images of the stream
 *           CANARY_...       one planted defect each; tests/tools/test_promela.py sees that spin finds them
 */

#include "tables.pml"

#ifndef CHUNKS
#define CHUNKS 2
#endif
#ifndef IMAGES
#define IMAGES 3
#endif
#ifndef TRIES
#define TRIES 1
#endif
#define WINDOW LIMIT_IMAGES_IN_FLIGHT
#ifdef CANARY_WINDOW
#define GRANTED (WINDOW + 1)
#else
#define GRANTED WINDOW
#endif
#define IDS 4                                    /* IMAGES at most */
#define ALL ((1 << CHUNKS) - 1)
#define any(set) (set[0] || set[1] || set[2] || set[3])

#define pick(image, set) if :: set[0] -> image = 0 :: set[1] -> image = 1 :: set[2] -> image = 2 :: set[3] -> image = 3 fi

/* What is on its way, in any order: for each image a set of chunks. An image's start and digests are its chunk 0. */
byte light[IDS];                                 /* chunks, by the image that the frame names */
byte wrong[IDS];                                 /* of these, the ones that hold another image's pixels (known to the proof) */
byte asked[IDS];                                 /* resend requests */
bool gone[IDS];                                  /* "that image is over" */
byte credit;                                     /* images granted, on its way; absolute, so that the highest counts */
bool quiet;

/* The module. */
byte m_exposed;                                  /* images begun; the one that is sent is the last of these */
byte m_sent;                                     /* chunks sent of it */
byte m_done;                                     /* images sent whole */
byte m_oldest;                                   /* the first one that is still kept */
byte m_credit;
byte m_repeats[IDS];
bool m_ended;

/* The host. */
byte h_granted = GRANTED;
byte h_next;                                     /* the first image that was not opened */
byte h_settled;                                  /* images from the first one on that were handed over */
byte h_have[IDS];
byte h_tries[IDS];
bool h_open[IDS];
bool h_over[IDS];                                /* handed over, and one before it is still open */
byte h_whole;
byte h_gaps;

#define kept(image) (image >= m_oldest && image < m_exposed)
#define calm (!any(light) && !any(asked) && !any(m_repeats) && !any(gone) && credit <= m_credit)
#define complete (h_settled == IMAGES)

/* One image at a time is exposed and sent here; what was sent is kept, as many images as are in flight. */
proctype Module() {
    byte image, chunk;
end:
    do
    :: d_step { credit > m_credit -> m_credit = credit }
    :: d_step { m_exposed == m_done && m_exposed < IMAGES && m_exposed < m_credit -> m_exposed++; m_sent = 0 }
    :: d_step { m_exposed > m_done && m_sent < CHUNKS ->
        light[m_done] = light[m_done] | (1 << m_sent);
        m_sent++
    }
    :: d_step { m_exposed > m_done && m_sent == CHUNKS ->
        m_done++;
        m_sent = 0;
        if
        :: m_done - m_oldest > WINDOW ->
            assert(!h_open[m_oldest]);                      /* what is still repaired is still kept */
            m_repeats[m_oldest] = 0;
            m_oldest++
        :: else
        fi
    }
    /* kept for long enough; while there are no more faults, nobody needs that long */
    :: d_step { !quiet && m_oldest < m_done -> m_repeats[m_oldest] = 0; m_oldest++ }
    :: atomic { any(asked) ->
        pick(image, asked);
        d_step {
            chunk = asked[image];
            asked[image] = 0;
            if
            :: kept(image) && image < m_done -> m_repeats[image] = m_repeats[image] | chunk
            :: kept(image) && image == m_done -> m_repeats[image] = m_repeats[image] | (chunk & ((1 << m_sent) - 1))
            :: image < m_oldest -> gone[image] = true
            :: else                                               /* still to come */
            fi;
            image = 0;
            chunk = 0
        }
    }
    :: atomic { any(m_repeats) ->
        pick(image, m_repeats);
        d_step {
            light[image] = light[image] | m_repeats[image];
#ifdef CANARY_OTHER_IMAGE
            wrong[image] = wrong[image] | m_repeats[image];
#endif
            m_repeats[image] = 0;
            image = 0
        }
    }
    :: d_step { m_done == IMAGES && !m_ended -> m_ended = true }  /* an event: sent until it is acknowledged */
    od
}

/* Hand an image over: with all of it, or with its gaps. */
inline close(image) {
    assert(h_open[image] && !h_over[image]);                      /* once, and no other */
    h_open[image] = false;
    h_over[image] = true;
    if
    :: h_have[image] == ALL -> h_whole++
    :: else -> h_gaps++
    fi;
    h_have[image] = 0;
    h_tries[image] = 0;
    do
    :: h_over[h_settled] -> h_over[h_settled] = false; h_settled++
    :: else -> break
    od;
    h_granted = (h_settled + GRANTED > IMAGES -> (h_granted > IMAGES -> h_granted : IMAGES) : h_settled + GRANTED);
    credit = (h_granted > credit -> h_granted : credit)
}

/* Room for an image that begins, and for those before it of which nothing came. */
inline open(image) {
    do
    :: h_next <= image -> assert(h_next < h_granted); h_open[h_next] = true; h_next++
    :: else -> break
    od;
    assert(h_next - h_settled <= WINDOW)                          /* no more memory than there is */
}

inline arrive(image) {
    if
    :: image >= h_next -> open(image)
    :: else
    fi;
    if
    :: h_open[image] ->
        assert(!(wrong[image] & got));                            /* in its place, and no other image's */
        h_have[image] = h_have[image] | got
    :: else                                                       /* over: dropped */
    fi
}

proctype Host() {
    byte image, got;
end:
    do
    :: atomic { any(light) ->
        pick(image, light);
        if
        :: light[image] & 1 -> got = 1
        :: light[image] & 2 -> got = 2
        :: light[image] & 4 -> got = 4
        :: light[image] & 8 -> got = 8
        fi;
        if
        :: true -> light[image] = light[image] & (255 - got)      /* taken, or damaged: see World */
        :: !quiet                                                 /* and once more later */
        fi;
        d_step {
            arrive(image);
            wrong[image] = wrong[image] & light[image];
            if
            :: h_open[image] && h_have[image] == ALL -> close(image)
            :: else
            fi;
            image = 0;
            got = 0
        }
    }
    /* ask for what is missing; when that was done often enough, or too late, hand over what there is */
    :: atomic { any(h_open) && (!quiet || calm && m_exposed == m_done) ->
        pick(image, h_open);
        if
        :: h_tries[image] < TRIES -> h_tries[image] = h_tries[image] + 1; asked[image] = asked[image] | (ALL & (255 - h_have[image]))
        :: h_tries[image] == TRIES || !quiet -> d_step { close(image); skip }
        fi;
        image = 0
    }
    :: atomic { any(gone) ->
        pick(image, gone);
        d_step {
            gone[image] = false;
            if
            :: image >= h_next && image < h_granted -> open(image)
            :: else
            fi;
            if
            :: h_open[image] -> close(image)
            :: else
            fi;
            image = 0
        }
    }
    /* nothing of the next image came: its start is asked for; credit is said again with every keep-alive */
    :: d_step { h_next < h_granted && h_next < IMAGES && h_next == h_settled && h_next < m_exposed && (!quiet || calm && m_exposed == m_done) ->
        asked[h_next] = asked[h_next] | 1
    }
    :: d_step { h_granted > m_credit && credit < h_granted && (!quiet || calm) -> credit = h_granted }
    /* the module has sent all it will: what never showed is opened */
    :: d_step { m_ended && h_next < IMAGES && h_granted >= IMAGES -> open(IMAGES - 1) }
    od
}

proctype World() {
    byte image;
end:
    do
    :: atomic { !quiet && any(light) ->
        pick(image, light);
        if
        :: light[image] & 1 -> light[image] = light[image] & 254
        :: light[image] & 2 -> light[image] = light[image] & 253
        :: light[image] & 4 -> light[image] = light[image] & 251
        :: light[image] & 8 -> light[image] = light[image] & 247
        fi;
        wrong[image] = wrong[image] & light[image];
        image = 0
    }
    :: atomic { !quiet && any(asked) ->
        pick(image, asked);
        asked[image] = 0;
        image = 0
    }
    :: atomic { !quiet && any(gone) ->
        pick(image, gone);
        gone[image] = false;
        image = 0
    }
    :: d_step { !quiet && credit > m_credit -> credit = m_credit }
    :: d_step { !quiet -> quiet = true }
    :: atomic { timeout -> assert(quiet && complete && h_whole + h_gaps == IMAGES); goto done }
    od;
done:
    skip
}

init {
    credit = GRANTED;
    atomic { run Module(); run Host(); run World() }
}

ltl recovery { [] (quiet -> <> complete) }
