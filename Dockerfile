# What a worker of Dataflow, or of any engine that starts containers, needs: Beam's own image of the release that
# is pinned, and wit in it. docs/running.md says how it is built and named.
ARG PYTHON=3.11
FROM apache/beam_python${PYTHON}_sdk:2.77.0

# What numba compiles here has to run on every machine that a job may get: those of the last ten years.
ENV NUMBA_CPU_NAME=haswell

COPY dist/*.whl constraints.txt /opt/wit/
RUN cd /opt/wit && pip install --no-cache-dir -c constraints.txt "$(ls webimagetext-*.whl)[gcp,detector]"

# A small world, built once: all that is compiled at its first use is compiled now, and kept in the image.
RUN python -m beam_jobs.demo --images 200 --no-train --out /tmp/world && rm -rf /tmp/world
