# The workshop as an image: JupyterLab, the notebooks, `cfs`, and a second root
# filesystem for containers to live in.  `make build` builds it, `make run` runs it.
#
# What seldom changes comes first, so that an edited notebook is one small layer.

ARG BASE=python:3.12-slim-bookworm

# What a container in here sees at /: Debian with everyday tools, without Python, and
# without `apt`, which could not install anything in there.
FROM ${BASE} AS rootfs
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
        iproute2 iputils-ping less libcap2-bin procps util-linux vim-tiny \
        >/dev/null \
 && apt-get purge -qq --auto-remove --allow-remove-essential apt >/dev/null \
 && rm -rf /usr/local/* /usr/bin/python3* /usr/lib/python3* /usr/share/python* \
        /usr/lib/*/gconv /usr/share/zoneinfo \
        /usr/share/doc /usr/share/info /usr/share/locale /usr/share/man \
        /var/cache/* /var/lib/apt/* /var/log/*
# Marks, so that nobody has to guess which root a prompt or an `ls /` belongs to.
RUN echo 'This is the root filesystem of a container.' >/CONTAINER_ROOTFS \
 && cp /CONTAINER_ROOTFS /etc/issue \
 && echo "PS1='(container) \u@\h:\w\\$ '" >/root/.bashrc

# Every package of the lock, checked against its hash; of these, what we run with.
FROM ${BASE} AS packages
WORKDIR /build
COPY requirements.lock .
RUN python -m pip download --quiet --disable-pip-version-check --no-cache-dir \
        --only-binary :all: --require-hashes --requirement requirements.lock \
        --dest /wheels
COPY pyproject.toml .docker/wanted.py ./
# --no-index: from these files alone, and so in the versions that the lock names.
RUN python wanted.py notebooks >wanted.txt \
 && python -m venv --without-pip /opt/cfs \
 && python -m pip --python /opt/cfs/bin/python install --quiet \
        --disable-pip-version-check --no-cache-dir \
        --no-index --find-links /wheels --requirement wanted.txt
# Nobody here tests or compiles these packages, debugs their JavaScript, reads JupyterLab
# in other languages, or completes the names of packages that are not installed.  What
# JupyterLab shows in a browser comes twice, and is needed once.
RUN cd /opt/cfs/lib/python3*/site-packages \
 && find . -depth -type d -name tests -exec rm -r {} + \
 && find /opt/cfs -name '*.map' -delete -o -name '*.c' -delete \
 && find babel/locale-data -name '*.dat' ! -name root.dat ! -name 'en*' -delete \
 && rm -r jedi/third_party/django-stubs jedi/third_party/typeshed/stubs \
        jupyterlab/galata tornado/test /opt/cfs/share/jupyter/lab/static \
 && ln -s "$PWD/jupyterlab/static" /opt/cfs/share/jupyter/lab/static

# Our own package, built from the sources.
FROM packages AS ours
COPY LICENSE README.md ./
COPY .lab .lab
COPY cfslib cfslib
RUN mkdir notebooks # they come last, below
RUN python -m pip wheel --quiet --disable-pip-version-check --no-cache-dir \
        --no-index --find-links /wheels --no-deps --wheel-dir /ours .

FROM ${BASE} AS workshop
ARG BASE
LABEL org.opencontainers.image.title="Containers from scratch" \
      org.opencontainers.image.description="A workshop: build a container in Python" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}"
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
        iproute2 less libcap2-bin procps tini >/dev/null \
 && rm -rf /var/cache/* /var/lib/apt/lists/* /var/log/* \
 && useradd --create-home --uid 1000 --shell /bin/bash learner \
 && install --directory --owner learner --group learner /home/learner/workshop
# Owned by learner, who is root inside, so that root there has what root should have.
COPY --from=rootfs --chown=learner:learner / /opt/rootfs
COPY --from=packages /opt/cfs /opt/cfs
# Here the command `cfs` comes into being.  The file is copied, for Podman 4.3 cannot mount
# a stage that it has made before.
COPY --from=ours /ours /tmp/ours
RUN python -m pip --python /opt/cfs/bin/python install --quiet \
        --disable-pip-version-check --no-cache-dir --no-index --no-deps /tmp/ours/* \
 && rm -r /tmp/ours \
 && /opt/cfs/bin/python -m cfslib.cli.launcher /opt/cfs/bin/cfs \
 && ln -s /opt/cfs/lib/python3*/site-packages/cfslib /opt/cfslib \
 && ln -s /opt/notebooks /opt/cfslib/notebooks
COPY .docker/bin /opt/cfs/bin
COPY notebooks /opt/notebooks

ENV PATH=/opt/cfs/bin:$PATH CFS_ROOTFS=/opt/rootfs LANG=C.UTF-8
USER learner
WORKDIR /home/learner/workshop
EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["lab-answers"]
ENTRYPOINT ["tini", "--", "lay-out-workshop"]
CMD ["open-lab"]

# The same with what runs the notebooks as tests: `make test-image`.
FROM workshop AS test
USER root
COPY --from=packages /wheels /wheels
COPY pyproject.toml .docker/wanted.py /tmp/
RUN PATH=${PATH#/opt/cfs/bin:} && cd /tmp \
 && python wanted.py test >wanted.txt \
 && python -m pip --python /opt/cfs/bin/python install --quiet \
        --disable-pip-version-check --no-cache-dir \
        --no-index --find-links /wheels --requirement wanted.txt
COPY tests/sanitize.cfg /opt/
USER learner
