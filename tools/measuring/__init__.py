"""The camera's figures: what `laserlink measure` takes, works out and shows.

From the bottom up: `still` (one picture with its levels), `photon_transfer` (EMVA 1288: noise, gain, full
well, linearity), `slanted_edge` (ISO 12233: MTF), `chart_finding` (where the chart is in a picture),
`colours` (CIEDE2000 of the patches), `taking` (which pictures a camera is asked for), `saved` (the same
from files), `setups` (what is put in front of the camera, and by whom), `figures` (all of it, by name),
`drawing` and `plot` (a picture of it). The first five are arithmetic: they know pixels and levels, and no
module's profile.
"""
